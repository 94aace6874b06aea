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
      customer.country collate c = 'FR'
      and customer.is_subscribed
    )
    or not (
      coalesce(customer.country collate c in ('FR', 'DE'), false)
      or not coalesce(customer.is_subscribed, false)
      or (
        coalesce(customer.score > 0.5, false)
        and customer.email is null
      )
    )
    or not (
      not (coalesce(starts_with(customer.country collate c, 'F'), false))
    )
    or customer.country collate c = 'ES'
  )
