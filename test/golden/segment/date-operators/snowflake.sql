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
  and customer.born_on > to_date(convert_timezone('UTC', 'Europe/Paris', convert_timezone('Europe/Paris', 'UTC', dateadd(year, -100, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))))
  and customer.born_on = to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))))
  and customer.born_on <= to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', customer.last_seen_at))))
  and (customer.born_on between date '1950-01-01' and to_date(convert_timezone('UTC', 'Europe/Paris', convert_timezone('Europe/Paris', 'UTC', dateadd(year, -18, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))))))))
  and customer.born_on > to_date(convert_timezone('UTC', 'Europe/Paris', convert_timezone('Europe/Paris', 'UTC', dateadd(month, -2, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))))
  and customer.born_on <= to_date(convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))))
  and coalesce(customer.born_on not in (date '2000-01-01', date '2000-01-02'), true)
