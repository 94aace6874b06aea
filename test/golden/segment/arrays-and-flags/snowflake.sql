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
  (array_contains(to_variant('shoes'), customer.interests) or array_contains(to_variant('rock''n''roll'), customer.interests))
  and not (coalesce((array_contains(to_variant('shoes'), customer.interests) and array_contains(to_variant('hats'), customer.interests)), false))
  and customer.interests is not null
  and customer.is_subscribed = true
  and coalesce(customer.is_subscribed <> false, true)
