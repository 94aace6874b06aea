select
    customer_id,
    tier,
    points,
    joined_on
from {{ ref('raw_loyalty_cards') }}
