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
  date(timestamp(customer.created_at, 'UTC'), 'Europe/Paris') = date '2024-03-31'
  and coalesce(timestamp(customer.created_at, 'UTC') <> timestamp '2024-03-31 08:00:00+00', true)
  and date(timestamp(customer.created_at, 'UTC'), 'Europe/Paris') < date '2024-03-31'
  and date(timestamp(customer.created_at, 'UTC'), 'Europe/Paris') = date(timestamp '2024-03-31 23:30:00+00', 'Europe/Paris')
  and (date(timestamp(customer.created_at, 'UTC'), 'Europe/Paris') in (date '2024-03-31') or timestamp(customer.created_at, 'UTC') in (timestamp '2024-04-01 12:00:00+00'))
  and coalesce((date(timestamp(customer.created_at, 'UTC'), 'Europe/Paris') not in (date '2024-03-31') and timestamp(customer.created_at, 'UTC') not in (timestamp '2024-04-01 12:00:00+00')), true)
  and customer.last_seen_at > timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 30 day), 'Europe/Paris')
  and customer.last_seen_at >= timestamp_sub({{ dinmo.now() }}, interval 90 minute)
  and (date(customer.last_seen_at, 'Europe/Paris') >= date '2024-01-01' and customer.last_seen_at <= {{ dinmo.now() }})
  and date(customer.last_seen_at, 'Europe/Paris') = date(timestamp(datetime_add(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 1 day), 'Europe/Paris'), 'Europe/Paris')
  and customer.last_seen_at > timestamp_sub({{ dinmo.now() }}, interval 36 hour)
  and customer.last_seen_at <= {{ dinmo.now() }}
  and customer.last_seen_at > {{ dinmo.now() }}
  and customer.last_seen_at <= timestamp(datetime_add(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 2 week), 'Europe/Paris')
  and customer.last_seen_at > timestamp(customer.created_at, 'UTC')
  and date(customer.last_seen_at, 'Europe/Paris') <= customer.born_on
