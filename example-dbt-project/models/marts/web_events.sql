select
    events.event_id,
    events.customer_id,
    events.event_name,
    events.occurred_at,
    events.page_url,
    events.product_id,
    events.order_id,
    events.value,
    'EUR' as currency,
    -- who it was, where the visitor was known
    customers.email,
    customers.phone,
    customers.country,
    events.fbp,
    events.ip,
    events.user_agent
from {{ ref('stg_web_events') }} as events
left join {{ ref('stg_customers') }} as customers on customers.customer_id = events.customer_id
