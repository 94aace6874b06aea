select
    lines.order_id,
    lines.line_number,
    lines.product_id,
    lines.quantity,
    lines.unit_price,
    lines.amount,
    orders.ordered_at
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders on orders.order_id = lines.order_id
