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
    cast(customer.mystery as text) collate "C" in ('FR', 'DE')
    or (strpos(cast(customer.mystery as text) collate "C", '2024-01-01') > 0)
    or coalesce(cast(customer.mystery as text) collate "C" <> cast(customer.country as text) collate "C", true)
    or customer.mystery is null
  )
