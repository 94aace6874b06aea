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
  and customer.born_on > date(timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 100 year), 'Europe/Paris'), 'Europe/Paris')
  and customer.born_on = date({{ dinmo.now() }}, 'Europe/Paris')
  and customer.born_on <= date(customer.last_seen_at, 'Europe/Paris')
  and (customer.born_on between date '1950-01-01' and date(timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 18 year), 'Europe/Paris'), 'Europe/Paris'))
  and customer.born_on > date(timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 2 month), 'Europe/Paris'), 'Europe/Paris')
  and customer.born_on <= date({{ dinmo.now() }}, 'Europe/Paris')
  and coalesce(customer.born_on not in (date '2000-01-01', date '2000-01-02'), true)
