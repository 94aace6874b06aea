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
  to_date(convert_timezone('UTC', 'Europe/Paris', customer.created_at)) = date '2024-03-31'
  and coalesce(customer.created_at <> to_timestamp_ntz('2024-03-31 08:00:00'), true)
  and to_date(convert_timezone('UTC', 'Europe/Paris', customer.created_at)) < date '2024-03-31'
  and to_date(convert_timezone('UTC', 'Europe/Paris', customer.created_at)) = to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz('2024-03-31 23:30:00')))
  and (to_date(convert_timezone('UTC', 'Europe/Paris', customer.created_at)) in (date '2024-03-31') or customer.created_at in (to_timestamp_ntz('2024-04-01 12:00:00')))
  and coalesce((to_date(convert_timezone('UTC', 'Europe/Paris', customer.created_at)) not in (date '2024-03-31') and customer.created_at not in (to_timestamp_ntz('2024-04-01 12:00:00'))), true)
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) > convert_timezone('Europe/Paris', 'UTC', dateadd(day, -30, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) >= dateadd(minute, -90, to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))
  and (to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)))) >= date '2024-01-01' and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) <= to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))
  and to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)))) = to_date(convert_timezone('UTC', 'Europe/Paris', convert_timezone('Europe/Paris', 'UTC', dateadd(day, 1, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) > dateadd(hour, -36, to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) <= to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) > to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) <= convert_timezone('Europe/Paris', 'UTC', dateadd(week, 2, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))
  and to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)) > customer.created_at
  and to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at)))) <= customer.born_on
