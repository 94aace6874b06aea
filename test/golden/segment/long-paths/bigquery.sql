with
  orders_lines_rows as (
    select distinct
      `order`.customer_id,
      line.order_id as part,
      line.line_number as part_2
    from {{ ref('entity_order') }} as `order`
    inner join {{ ref('entity_line') }} as line on line.order_id = `order`.order_id
  ),
  orders_lines_count as (
    select
      orders_lines_rows.customer_id,
      count(*) as result
    from orders_lines_rows
    group by orders_lines_rows.customer_id
  ),
  orders_lines_values as (
    select
      `order`.customer_id,
      line.order_id as part,
      line.line_number as part_2,
      min(line.quantity) as result
    from {{ ref('entity_order') }} as `order`
    inner join {{ ref('entity_line') }} as line on line.order_id = `order`.order_id
    group by `order`.customer_id, line.order_id, line.line_number
  ),
  orders_lines_sum as (
    select
      orders_lines_values.customer_id,
      sum(orders_lines_values.result) as result
    from orders_lines_values
    group by orders_lines_values.customer_id
  ),
  one_product as (
    select
      product.sku,
      any_value(product.released_on) as released_on,
      any_value(product.price) as price
    from {{ ref('entity_product') }} as product
    group by product.sku
    having count(*) = 1
  ),
  orders_lines_max as (
    select
      `order`.customer_id,
      max(product.price) as result
    from {{ ref('entity_order') }} as `order`
    inner join {{ ref('entity_line') }} as line on line.order_id = `order`.order_id
    left join one_product as product on product.sku = line.sku
    where
      product.released_on > date '2020-01-01'
    group by `order`.customer_id
  ),
  tags_links as (
    select distinct
      links.customer_id,
      links.tag_id
    from {{ ref('customer_tags') }} as links
  ),
  customers_links as (
    select distinct
      links.tag_id,
      links.customer_id
    from {{ ref('customer_tags') }} as links
  ),
  tags_customers_orders_exists as (
    select distinct
      tags_links.customer_id
    from tags_links
    inner join {{ ref('entity_tag') }} as tag on tag.tag_id = tags_links.tag_id
    inner join customers_links on customers_links.tag_id = tag.tag_id
    inner join {{ ref('entity_customer') }} as customer on customer.customer_id = customers_links.customer_id
    inner join {{ ref('entity_order') }} as `order` on `order`.customer_id = customer.customer_id
    where
      `order`.ordered_at > timestamp_sub({{ dinmo.now() }}, interval 12 hour)
      and `order`.ordered_at <= {{ dinmo.now() }}
  ),
  lines_exists as (
    select distinct
      line.order_id
    from {{ ref('entity_line') }} as line
    where
      collate(line.sku, '') = 'A1'
  ),
  orders_count as (
    select
      `order`.customer_id,
      count(*) as result
    from {{ ref('entity_order') }} as `order`
    left join lines_exists on lines_exists.order_id = `order`.order_id
    where
      lines_exists.order_id is not null
    group by `order`.customer_id
  ),
  one_plan as (
    select
      plan.plan_id,
      any_value(plan.vendor_id) as vendor_id
    from {{ ref('entity_plan') }} as plan
    group by plan.plan_id
    having count(*) = 1
  ),
  one_vendor as (
    select
      vendor.vendor_id,
      any_value(vendor.name) as name
    from {{ ref('entity_vendor') }} as vendor
    group by vendor.vendor_id
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
left join orders_lines_count on orders_lines_count.customer_id = customer.customer_id
left join orders_lines_sum on orders_lines_sum.customer_id = customer.customer_id
left join orders_lines_max on orders_lines_max.customer_id = customer.customer_id
left join tags_customers_orders_exists on tags_customers_orders_exists.customer_id = customer.customer_id
left join orders_count on orders_count.customer_id = customer.customer_id
left join one_plan as plan on plan.plan_id = customer.plan_id
left join one_vendor as plan_vendor on plan_vendor.vendor_id = plan.vendor_id
where
  coalesce(orders_lines_count.result, 0) >= 2
  and coalesce(orders_lines_sum.result, 0) >= 2
  and orders_lines_max.result > numeric '20'
  and tags_customers_orders_exists.customer_id is not null
  and coalesce(orders_count.result, 0) > 0
  and coalesce(collate(plan_vendor.name, '') <> 'Acme', true)
