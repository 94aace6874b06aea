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
      collate(customer.country, 'utf8') = 'FR'
      and customer.is_subscribed
    )
    or not (
      coalesce(collate(customer.country, 'utf8') in ('FR', 'DE'), false)
      or not coalesce(customer.is_subscribed, false)
      or (
        coalesce(customer.score > 0.5, false)
        and customer.email is null
      )
    )
    or not (
      not (coalesce(startswith(collate(customer.country, 'utf8'), 'F'), false))
    )
    or collate(customer.country, 'utf8') = 'ES'
  )
