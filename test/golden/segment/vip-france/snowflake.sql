with
  orders_count as (
    select
      "ORDER".customer_id,
      count(*) as result
    from {{ ref('entity_order') }} as "ORDER"
    where
      to_timestamp_ntz(convert_timezone('UTC', "ORDER".ordered_at)) > convert_timezone('Europe/Paris', 'UTC', dateadd(day, -90, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))
      and to_timestamp_ntz(convert_timezone('UTC', "ORDER".ordered_at)) <= to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))
    group by "ORDER".customer_id
  ),
  orders_sum as (
    select
      "ORDER".customer_id,
      sum("ORDER".amount) as result
    from {{ ref('entity_order') }} as "ORDER"
    where
      collate("ORDER".status, 'utf8') in ('completed', 'shipped')
    group by "ORDER".customer_id
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
      "ORDER".customer_id
    from {{ ref('entity_order') }} as "ORDER"
    inner join {{ ref('entity_line') }} as line on line.order_id = "ORDER".order_id
    left join one_product as product on product.sku = line.sku
    where
      collate(product.category, 'utf8') = 'shoes'
  ),
  orders_max as (
    select
      "ORDER".customer_id,
      max("ORDER".ordered_at) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
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
      collate(customer.country, 'utf8') = 'FR'
      and (
        customer.lifetime_value >= 500
        or coalesce(orders_count.result, 0) >= 3
      )
      and coalesce(orders_sum.result, 0) > 200
      and orders_lines_exists.customer_id is not null
      and to_timestamp_ntz(convert_timezone('UTC', orders_max.result)) < convert_timezone('Europe/Paris', 'UTC', dateadd(day, -180, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))
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
  coalesce(mod(to_number(substr(md5(('spring:' || to_varchar(customer.customer_id))), 1, 8), 'XXXXXXXX'), 10000) < 1000, false) as dinmo_holdout
from ranked as customer
where
  customer.dinmo_rank <= 10000
