select
    order_id,
    customer_id,
    store_id,
    channel,
    status,
    shipping_country,
    currency,
    ordered_at
from {{ ref('raw_orders') }}
