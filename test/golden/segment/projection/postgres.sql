with
  all_customer as (
    select
      customer.customer_id,
      customer.plan_id
    from {{ ref('customers') }} as customer
  ),
  one_customer as (
    select
      customer.customer_id,
      (array_agg(customer.plan_id))[1] as plan_id
    from all_customer as customer
    group by customer.customer_id
    having count(*) = 1
  ),
  in_newsletter_optins as (
    select distinct
      keys.customer_id
    from {{ ref('segment_newsletter_optins') }} as keys
  ),
  one_plan as (
    select
      plan.plan_id,
      (array_agg(plan.vendor_id))[1] as vendor_id
    from {{ ref('entity_plan') }} as plan
    group by plan.plan_id
    having count(*) = 1
  ),
  one_vendor as (
    select
      vendor.vendor_id,
      (array_agg(vendor.name))[1] as name
    from {{ ref('entity_vendor') }} as vendor
    group by vendor.vendor_id
    having count(*) = 1
  )
select
  customer.customer_id as "key",
  plan_vendor.name as "plan name",
  in_newsletter_optins.customer_id is not null as is_optin
from {{ ref('segment_churned') }} as customer
left join one_customer on one_customer.customer_id = customer.customer_id
left join one_plan as plan on plan.plan_id = one_customer.plan_id
left join one_vendor as plan_vendor on plan_vendor.vendor_id = plan.vendor_id
left join in_newsletter_optins on in_newsletter_optins.customer_id = customer.customer_id
