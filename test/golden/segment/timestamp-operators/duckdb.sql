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
  cast(timezone('Europe/Paris', timezone('UTC', customer.created_at)) as date) = date '2024-03-31'
  and coalesce(timezone('UTC', customer.created_at) <> timestamptz '2024-03-31 08:00:00+00', true)
  and cast(timezone('Europe/Paris', timezone('UTC', customer.created_at)) as date) < date '2024-03-31'
  and cast(timezone('Europe/Paris', timezone('UTC', customer.created_at)) as date) = cast(timezone('Europe/Paris', timestamptz '2024-03-31 23:30:00+00') as date)
  and (cast(timezone('Europe/Paris', timezone('UTC', customer.created_at)) as date) in (date '2024-03-31') or timezone('UTC', customer.created_at) in (timestamptz '2024-04-01 12:00:00+00'))
  and coalesce((cast(timezone('Europe/Paris', timezone('UTC', customer.created_at)) as date) not in (date '2024-03-31') and timezone('UTC', customer.created_at) not in (timestamptz '2024-04-01 12:00:00+00')), true)
  and customer.last_seen_at > timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) - interval 30 day))
  and customer.last_seen_at >= ({{ dinmo.now() }} - interval 90 minute)
  and (cast(timezone('Europe/Paris', customer.last_seen_at) as date) >= date '2024-01-01' and customer.last_seen_at <= {{ dinmo.now() }})
  and cast(timezone('Europe/Paris', customer.last_seen_at) as date) = cast(timezone('Europe/Paris', timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) + interval 1 day))) as date)
  and customer.last_seen_at > ({{ dinmo.now() }} - interval 36 hour)
  and customer.last_seen_at <= {{ dinmo.now() }}
  and customer.last_seen_at > {{ dinmo.now() }}
  and customer.last_seen_at <= timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) + interval 2 week))
  and customer.last_seen_at > timezone('UTC', customer.created_at)
  and cast(timezone('Europe/Paris', customer.last_seen_at) as date) <= customer.born_on
