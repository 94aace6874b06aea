select
  customer.customer_id,
  customer.email,
  customer.country,
  customer.is_subscribed,
  customer.born_on,
  customer.created_at,
  customer.last_seen_at,
  customer.score,
  customer.interests,
  customer.mystery,
  customer.lifetime_value
from {{ ref('entity_customer') }} as customer
where
  (
    collate(cast(customer.mystery as varchar), 'utf8') in ('FR', 'DE')
    or contains(collate(cast(customer.mystery as varchar), 'utf8'), '2024-01-01')
    or coalesce(collate(cast(customer.mystery as varchar), 'utf8') <> collate(customer.country, 'utf8'), true)
    or customer.mystery is null
  )
