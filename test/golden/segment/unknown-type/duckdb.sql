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
    cast(customer.mystery as varchar) collate c in ('FR', 'DE')
    or contains(cast(customer.mystery as varchar) collate c, '2024-01-01')
    or coalesce(cast(customer.mystery as varchar) collate c <> customer.country collate c, true)
    or customer.mystery is null
  )
