select
    store_id,
    name,
    city,
    country,
    opened_on
from {{ ref('raw_stores') }}
