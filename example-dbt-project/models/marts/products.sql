select
    product_id,
    name,
    category,
    price,
    launched_on,
    discontinued_on
from {{ ref('raw_products') }}
