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
  ('shoes' in unnest(customer.interests) or 'rock\'n\'roll' in unnest(customer.interests))
  and not (coalesce(('shoes' in unnest(customer.interests) and 'hats' in unnest(customer.interests)), false))
  and customer.interests is not null
  and customer.is_subscribed = true
  and coalesce(customer.is_subscribed <> false, true)
