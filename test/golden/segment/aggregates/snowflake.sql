with
  orders_exists as (
    select distinct
      "ORDER".customer_id
    from {{ ref('entity_order') }} as "ORDER"
  ),
  orders_count as (
    select
      "ORDER".customer_id,
      count(*) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_count_distinct as (
    select
      "ORDER".customer_id,
      count(distinct collate("ORDER".status, 'utf8')) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_sum as (
    select
      "ORDER".customer_id,
      sum("ORDER".amount) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_avg as (
    select
      "ORDER".customer_id,
      avg("ORDER".amount) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_min as (
    select
      "ORDER".customer_id,
      min(collate("ORDER".status, 'utf8')) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_max as (
    select
      "ORDER".customer_id,
      max("ORDER".ordered_at) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
  ),
  orders_by_time as (
    select
      "ORDER".customer_id,
      "ORDER".amount as result,
      row_number() over (partition by "ORDER".customer_id order by "ORDER".ordered_at asc, "ORDER".order_id asc nulls last, "ORDER".amount asc) as position
    from {{ ref('entity_order') }} as "ORDER"
    where
      "ORDER".amount is not null
      and "ORDER".ordered_at is not null
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
      "ORDER".customer_id,
      collate("ORDER".status, 'utf8') as result,
      row_number() over (partition by "ORDER".customer_id order by "ORDER".ordered_at desc, "ORDER".order_id asc nulls last, collate("ORDER".status, 'utf8') asc) as position
    from {{ ref('entity_order') }} as "ORDER"
    where
      collate("ORDER".status, 'utf8') is not null
      and "ORDER".ordered_at is not null
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
      "ORDER".customer_id,
      max("ORDER".amount) as result
    from {{ ref('entity_order') }} as "ORDER"
    group by "ORDER".customer_id
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
    or collate(orders_min.result, 'utf8') = 'shipped'
    or (
      to_timestamp_ntz(convert_timezone('UTC', orders_max.result)) > convert_timezone('Europe/Paris', 'UTC', dateadd(year, -1, convert_timezone('UTC', 'Europe/Paris', to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }})))))
      and to_timestamp_ntz(convert_timezone('UTC', orders_max.result)) <= to_timestamp_ntz(convert_timezone('UTC', {{ dinmo.now() }}))
    )
    or orders_first.result > customer.lifetime_value
    or coalesce(collate(orders_last.result, 'utf8') not in ('completed'), true)
    or not (
      coalesce(orders_sum_2.result, 0) = 0
      or orders_avg_2.result is null
      or coalesce(orders_max_2.result > 5, false)
    )
  )
