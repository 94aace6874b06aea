with
  one_plan as (
    select
      plan.plan_id,
      any_value(plan.price) as price
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
  customer.customer_id >= 2.5
  and customer.customer_id in (1, -2, 9007199254740993)
  and customer.lifetime_value = numeric '0.1'
  and customer.lifetime_value < numeric '0.0000001'
  and (customer.lifetime_value >= numeric '10' and customer.lifetime_value <= plan.price)
  and coalesce(customer.score <> 1.5, true)
  and customer.score > customer.lifetime_value
