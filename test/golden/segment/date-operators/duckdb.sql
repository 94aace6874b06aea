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
  customer.born_on = date '2000-02-29'
  and customer.born_on < date '2006-01-01'
  and customer.born_on > cast(timezone('Europe/Paris', timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) - interval 100 year))) as date)
  and customer.born_on = cast(timezone('Europe/Paris', {{ dinmo.now() }}) as date)
  and customer.born_on <= cast(timezone('Europe/Paris', customer.last_seen_at) as date)
  and (customer.born_on between date '1950-01-01' and cast(timezone('Europe/Paris', timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) - interval 18 year))) as date))
  and customer.born_on > cast(timezone('Europe/Paris', timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) - interval 2 month))) as date)
  and customer.born_on <= cast(timezone('Europe/Paris', {{ dinmo.now() }}) as date)
  and coalesce(customer.born_on not in (date '2000-01-01', date '2000-01-02'), true)
