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
    (
      cast(customer.country as text) collate "C" = 'FR'
      and customer.is_subscribed
    )
    or not (
      coalesce(cast(customer.country as text) collate "C" in ('FR', 'DE'), false)
      or not coalesce(customer.is_subscribed, false)
      or (
        coalesce(customer.score > 0.5, false)
        and customer.email is null
      )
    )
    or not (
      not (coalesce(starts_with(cast(customer.country as text) collate "C", 'F'), false))
    )
    or cast(customer.country as text) collate "C" = 'ES'
  )
