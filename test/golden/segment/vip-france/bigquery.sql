with
  orders_count as (
    select
      `order`.customer_id,
      count(*) as result
    from {{ ref('entity_order') }} as `order`
    where
      `order`.ordered_at > timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 90 day), 'Europe/Paris')
      and `order`.ordered_at <= {{ dinmo.now() }}
    group by `order`.customer_id
  ),
  orders_sum as (
    select
      `order`.customer_id,
      sum(`order`.amount) as result
    from {{ ref('entity_order') }} as `order`
    where
      collate(`order`.status, '') in ('completed', 'shipped')
    group by `order`.customer_id
  ),
  one_product as (
    select
      product.sku,
      any_value(product.category) as category
    from {{ ref('entity_product') }} as product
    group by product.sku
    having count(*) = 1
  ),
  orders_lines_exists as (
    select distinct
      `order`.customer_id
    from {{ ref('entity_order') }} as `order`
    inner join {{ ref('entity_line') }} as line on line.order_id = `order`.order_id
    left join one_product as product on product.sku = line.sku
    where
      collate(product.category, '') = 'shoes'
  ),
  orders_max as (
    select
      `order`.customer_id,
      max(`order`.ordered_at) as result
    from {{ ref('entity_order') }} as `order`
    group by `order`.customer_id
  ),
  in_newsletter_optins as (
    select distinct
      keys.customer_id
    from {{ ref('segment_newsletter_optins') }} as keys
  ),
  in_churned as (
    select distinct
      keys.customer_id
    from {{ ref('segment_churned') }} as keys
  ),
  ranked as (
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
      customer.lifetime_value,
      row_number() over (order by customer.lifetime_value desc nulls last, customer.customer_id asc nulls last) as dinmo_rank
    from {{ ref('entity_customer') }} as customer
    left join orders_count on orders_count.customer_id = customer.customer_id
    left join orders_sum on orders_sum.customer_id = customer.customer_id
    left join orders_lines_exists on orders_lines_exists.customer_id = customer.customer_id
    left join orders_max on orders_max.customer_id = customer.customer_id
    left join in_newsletter_optins on in_newsletter_optins.customer_id = customer.customer_id
    left join in_churned on in_churned.customer_id = customer.customer_id
    where
      collate(customer.country, '') = 'FR'
      and (
        customer.lifetime_value >= numeric '500'
        or coalesce(orders_count.result, 0) >= 3
      )
      and coalesce(orders_sum.result, 0) > numeric '200'
      and orders_lines_exists.customer_id is not null
      and orders_max.result < timestamp(datetime_sub(datetime({{ dinmo.now() }}, 'Europe/Paris'), interval 180 day), 'Europe/Paris')
      and in_newsletter_optins.customer_id is not null
      and not (in_churned.customer_id is not null)
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
  customer.lifetime_value,
  coalesce(mod(cast(concat('0x', substr(to_hex(md5(('spring:' || cast(customer.customer_id as string)))), 1, 8)) as int64), 10000) < 1000, false) as dinmo_holdout
from ranked as customer
where
  customer.dinmo_rank <= 10000
