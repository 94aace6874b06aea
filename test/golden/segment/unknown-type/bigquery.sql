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
    collate(cast(customer.mystery as string), '') in ('FR', 'DE')
    or (strpos(collate(cast(customer.mystery as string), ''), '2024-01-01') > 0)
    or coalesce(collate(cast(customer.mystery as string), '') <> collate(customer.country, ''), true)
    or customer.mystery is null
  )
