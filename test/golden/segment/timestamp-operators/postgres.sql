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
  cast((customer.created_at at time zone 'UTC') at time zone 'Europe/Paris' as date) = date '2024-03-31'
  and coalesce((customer.created_at at time zone 'UTC') <> timestamptz '2024-03-31 08:00:00+00', true)
  and cast((customer.created_at at time zone 'UTC') at time zone 'Europe/Paris' as date) < date '2024-03-31'
  and cast((customer.created_at at time zone 'UTC') at time zone 'Europe/Paris' as date) = cast(timestamptz '2024-03-31 23:30:00+00' at time zone 'Europe/Paris' as date)
  and (cast((customer.created_at at time zone 'UTC') at time zone 'Europe/Paris' as date) in (date '2024-03-31') or (customer.created_at at time zone 'UTC') in (timestamptz '2024-04-01 12:00:00+00'))
  and coalesce((cast((customer.created_at at time zone 'UTC') at time zone 'Europe/Paris' as date) not in (date '2024-03-31') and (customer.created_at at time zone 'UTC') not in (timestamptz '2024-04-01 12:00:00+00')), true)
  and customer.last_seen_at > ((({{ dinmo.now() }} at time zone 'Europe/Paris') - interval '30 day') at time zone 'Europe/Paris')
  and customer.last_seen_at >= ({{ dinmo.now() }} - interval '90 minute')
  and (cast(customer.last_seen_at at time zone 'Europe/Paris' as date) >= date '2024-01-01' and customer.last_seen_at <= {{ dinmo.now() }})
  and cast(customer.last_seen_at at time zone 'Europe/Paris' as date) = cast(((({{ dinmo.now() }} at time zone 'Europe/Paris') + interval '1 day') at time zone 'Europe/Paris') at time zone 'Europe/Paris' as date)
  and customer.last_seen_at > ({{ dinmo.now() }} - interval '36 hour')
  and customer.last_seen_at <= {{ dinmo.now() }}
  and customer.last_seen_at > {{ dinmo.now() }}
  and customer.last_seen_at <= ((({{ dinmo.now() }} at time zone 'Europe/Paris') + interval '2 week') at time zone 'Europe/Paris')
  and customer.last_seen_at > (customer.created_at at time zone 'UTC')
  and cast(customer.last_seen_at at time zone 'Europe/Paris' as date) <= customer.born_on
