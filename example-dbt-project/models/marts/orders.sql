with totals as (

    select order_id, sum(amount) as amount, sum(quantity) as items
    from {{ ref('stg_order_lines') }}
    group by order_id

)

select
    orders.order_id,
    orders.customer_id,
    orders.store_id,
    orders.channel,
    orders.status,
    orders.shipping_country,
    orders.currency,
    orders.ordered_at,
    cast(coalesce(totals.amount, 0) as {{ type_money() }}) as amount,
    cast(coalesce(totals.items, 0) as integer) as items
from {{ ref('stg_orders') }} as orders
left join totals on totals.order_id = orders.order_id
