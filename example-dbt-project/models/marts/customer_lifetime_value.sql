-- What a customer has spent in all; money that went back does not count.
select
    orders.customer_id,
    cast(sum(orders.amount) as {{ type_money() }}) as ltv
from {{ ref('orders') }} as orders
where orders.customer_id is not null
    and orders.status not in ('cancelled', 'returned')
group by orders.customer_id
