with
  one_plan as (
    select
      plan.plan_id,
      (array_agg(plan.name))[1] as name
    from {{ ref('entity_plan') }} as plan
    group by plan.plan_id
    having count(*) = 1
  ),
  one_lifetime_value as (
    select
      computed.customer_id,
      (array_agg(computed.ltv))[1] as result
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
  cast(customer.email as text) collate "C" = 'a'
  and coalesce(cast(customer.email as text) collate "C" <> 'b', true)
  and cast(customer.email as text) collate "C" in ('a', 'b')
  and coalesce(cast(customer.email as text) collate "C" not in ('c', 'd'), true)
  and cast(customer.email as text) collate "C" > 'a'
  and cast(customer.email as text) collate "C" <= 'z'
  and (cast(customer.email as text) collate "C" between 'a' and 'z')
  and (strpos(cast(customer.email as text) collate "C", '50%_') > 0)
  and not coalesce((strpos(cast(customer.email as text) collate "C", '@example') > 0), false)
  and starts_with(cast(customer.email as text) collate "C", 'a')
  and (right(cast(customer.email as text) collate "C", length('.com')) = '.com')
  and customer.email is not null
  and (strpos(cast(customer.email as text) collate "C", cast(customer.country as text) collate "C") > 0)
  and not (coalesce((right(cast(customer.email as text) collate "C", length(cast(plan.name as text) collate "C")) = cast(plan.name as text) collate "C"), false))
