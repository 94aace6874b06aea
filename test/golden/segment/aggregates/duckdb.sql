with
  orders_exists as (
    select distinct
      "order".customer_id
    from {{ ref('entity_order') }} as "order"
  ),
  orders_count as (
    select
      "order".customer_id,
      count(*) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_count_distinct as (
    select
      "order".customer_id,
      count(distinct "order".status collate c) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_sum as (
    select
      "order".customer_id,
      sum("order".amount) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_avg as (
    select
      "order".customer_id,
      avg("order".amount) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_min as (
    select
      "order".customer_id,
      min("order".status collate c) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_max as (
    select
      "order".customer_id,
      max("order".ordered_at) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
  ),
  orders_by_time as (
    select
      "order".customer_id,
      "order".amount as result,
      row_number() over (partition by "order".customer_id order by "order".ordered_at asc, "order".order_id asc nulls last, "order".amount asc) as position
    from {{ ref('entity_order') }} as "order"
    where
      "order".amount is not null
      and "order".ordered_at is not null
  ),
  orders_first as (
    select
      orders_by_time.customer_id,
      orders_by_time.result
    from orders_by_time
    where
      orders_by_time.position = 1
  ),
  orders_by_time_2 as (
    select
      "order".customer_id,
      "order".status collate c as result,
      row_number() over (partition by "order".customer_id order by "order".ordered_at desc, "order".order_id asc nulls last, "order".status collate c asc) as position
    from {{ ref('entity_order') }} as "order"
    where
      "order".status collate c is not null
      and "order".ordered_at is not null
  ),
  orders_last as (
    select
      orders_by_time_2.customer_id,
      orders_by_time_2.result
    from orders_by_time_2
    where
      orders_by_time_2.position = 1
  ),
  orders_max_2 as (
    select
      "order".customer_id,
      max("order".amount) as result
    from {{ ref('entity_order') }} as "order"
    group by "order".customer_id
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
from {{ ref('entity_customer') }} as customer
left join orders_exists on orders_exists.customer_id = customer.customer_id
left join orders_count on orders_count.customer_id = customer.customer_id
left join orders_count_distinct on orders_count_distinct.customer_id = customer.customer_id
left join orders_sum on orders_sum.customer_id = customer.customer_id
left join orders_avg on orders_avg.customer_id = customer.customer_id
left join orders_min on orders_min.customer_id = customer.customer_id
left join orders_max on orders_max.customer_id = customer.customer_id
left join orders_first on orders_first.customer_id = customer.customer_id
left join orders_last on orders_last.customer_id = customer.customer_id
left join orders_sum as orders_sum_2 on orders_sum_2.customer_id = customer.customer_id
left join orders_avg as orders_avg_2 on orders_avg_2.customer_id = customer.customer_id
left join orders_max_2 on orders_max_2.customer_id = customer.customer_id
where
  (
    orders_exists.customer_id is null
    or (
      coalesce(orders_count.result, 0) >= 1
      and coalesce(orders_count.result, 0) <= 3
    )
    or coalesce(orders_count_distinct.result, 0) > 1
    or coalesce(orders_sum.result, 0) > 99.5
    or orders_avg.result < 10
    or orders_min.result collate c = 'shipped'
    or (
      orders_max.result > timezone('Europe/Paris', (timezone('Europe/Paris', {{ dinmo.now() }}) - interval 1 year))
      and orders_max.result <= {{ dinmo.now() }}
    )
    or orders_first.result > customer.lifetime_value
    or coalesce(orders_last.result collate c not in ('completed'), true)
    or not (
      coalesce(orders_sum_2.result, 0) = 0
      or orders_avg_2.result is null
      or coalesce(orders_max_2.result > 5, false)
    )
  )
