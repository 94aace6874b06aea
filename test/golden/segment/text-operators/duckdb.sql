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
  customer.email collate c = 'a'
  and coalesce(customer.email collate c <> 'b', true)
  and customer.email collate c in ('a', 'b')
  and coalesce(customer.email collate c not in ('c', 'd'), true)
  and customer.email collate c > 'a'
  and customer.email collate c <= 'z'
  and (customer.email collate c between 'a' and 'z')
  and contains(customer.email collate c, '50%_')
  and not coalesce(contains(customer.email collate c, '@example'), false)
  and starts_with(customer.email collate c, 'a')
  and ends_with(customer.email collate c, '.com')
  and customer.email is not null
  and contains(customer.email collate c, customer.country collate c)
  and not (coalesce(ends_with(customer.email collate c, plan.name collate c), false))
