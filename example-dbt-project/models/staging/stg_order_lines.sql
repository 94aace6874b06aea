select
    order_id,
    line_number,
    product_id,
    quantity,
    unit_price,
    cast(quantity * unit_price as {{ type_money() }}) as amount
from {{ ref('raw_order_lines') }}
