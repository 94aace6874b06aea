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
      collate(customer.country, '') = 'FR'
      and customer.is_subscribed
    )
    or not (
      coalesce(collate(customer.country, '') in ('FR', 'DE'), false)
      or not coalesce(customer.is_subscribed, false)
      or (
        coalesce(customer.score > 0.5, false)
        and customer.email is null
      )
    )
    or not (
      not (coalesce(starts_with(collate(customer.country, ''), 'F'), false))
    )
    or collate(customer.country, '') = 'ES'
  )
