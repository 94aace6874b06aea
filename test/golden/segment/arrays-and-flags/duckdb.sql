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
  list_has_any(customer.interests, ['shoes', 'rock''n''roll'])
  and not (coalesce(list_has_all(customer.interests, ['shoes', 'hats']), false))
  and customer.interests is not null
  and customer.is_subscribed = true
  and coalesce(customer.is_subscribed <> false, true)
