select
    event_id,
    customer_id,
    event_name,
    occurred_at,
    page_url,
    product_id,
    order_id,
    value,
    fbp,
    ip,
    user_agent
from {{ ref('raw_web_events') }}
