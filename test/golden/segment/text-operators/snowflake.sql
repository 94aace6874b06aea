with
  one_plan as (
    select
      plan.plan_id,
      any_value(plan.name) as name
    from {{ ref('entity_plan') }} as plan
    group by plan.plan_id
    having count(*) = 1
  ),
  one_lifetime_value as (
    select
      computed.customer_id,
      any_value(computed.ltv) as result
    from {{ ref('customer_ltv') }} as computed
    group by computed.customer_id
    having count(*) = 1
  ),
  all_customer as (
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
      one_lifetime_value.result as lifetime_value,
      customer.plan_id
    from {{ ref('customers') }} as customer
    left join one_lifetime_value on one_lifetime_value.customer_id = customer.customer_id
  )
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
from all_customer as customer
left join one_plan as plan on plan.plan_id = customer.plan_id
where
  collate(customer.email, 'utf8') = 'a'
  and coalesce(collate(customer.email, 'utf8') <> 'b', true)
  and collate(customer.email, 'utf8') in ('a', 'b')
  and coalesce(collate(customer.email, 'utf8') not in ('c', 'd'), true)
  and collate(customer.email, 'utf8') > 'a'
  and collate(customer.email, 'utf8') <= 'z'
  and (collate(customer.email, 'utf8') between 'a' and 'z')
  and contains(collate(customer.email, 'utf8'), '50%_')
  and not coalesce(contains(collate(customer.email, 'utf8'), '@example'), false)
  and startswith(collate(customer.email, 'utf8'), 'a')
  and endswith(collate(customer.email, 'utf8'), '.com')
  and customer.email is not null
  and contains(collate(customer.email, 'utf8'), collate(customer.country, 'utf8'))
  and not (coalesce(endswith(collate(customer.email, 'utf8'), collate(plan.name, 'utf8')), false))
