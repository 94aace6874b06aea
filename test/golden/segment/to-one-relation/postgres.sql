with
  in_newsletter_optins as (
    select distinct
      keys.customer_id
    from {{ ref('segment_newsletter_optins') }} as keys
  ),
  one_customer as (
    select
      customer.customer_id
    from {{ ref('entity_customer') }} as customer
    group by customer.customer_id
    having count(*) = 1
  ),
  customer_exists as (
    select distinct
      customer.customer_id
    from one_customer as customer
    left join in_newsletter_optins on in_newsletter_optins.customer_id = customer.customer_id
    where
      in_newsletter_optins.customer_id is not null
  ),
  all_customer as (
    select
      customer.customer_id,
      customer.plan_id
    from {{ ref('customers') }} as customer
  ),
  one_customer_2 as (
    select
      customer.customer_id,
      (array_agg(customer.plan_id))[1] as plan_id
    from all_customer as customer
    group by customer.customer_id
    having count(*) = 1
  ),
  one_plan as (
    select
      plan.plan_id,
      (array_agg(plan.name))[1] as name
    from {{ ref('entity_plan') }} as plan
    group by plan.plan_id
    having count(*) = 1
  ),
  all_order as (
    select
      "order".order_id,
      "order".customer_id,
      "order".status,
      "order".amount,
      "order".ordered_at,
      "order".is_test
    from {{ ref('orders') }} as "order"
    where
      not coalesce("order".is_test, false)
  )
select
  "order".order_id,
  "order".customer_id,
  "order".status,
  "order".amount,
  "order".ordered_at
from all_order as "order"
left join customer_exists on customer_exists.customer_id = "order".customer_id
left join one_customer_2 as customer on customer.customer_id = "order".customer_id
left join one_plan as customer_plan on customer_plan.plan_id = customer.plan_id
where
  customer_exists.customer_id is not null
  and cast(customer_plan.name as text) collate "C" = 'Pro'
  and not coalesce("order".is_test, false)
