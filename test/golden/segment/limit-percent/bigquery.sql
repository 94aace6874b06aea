with
  one_product as (
    select
      product.sku,
      any_value(product.price) as price
    from {{ ref('entity_product') }} as product
    group by product.sku
    having count(*) = 1
  ),
  ranked as (
    select
      line.order_id,
      line.line_number,
      line.sku,
      line.quantity,
      row_number() over (order by product.price asc nulls last, line.order_id asc nulls last, line.line_number asc nulls last) as dinmo_rank,
      count(*) over () as dinmo_rows
    from {{ ref('entity_line') }} as line
    left join one_product as product on product.sku = line.sku
    where
      line.quantity > 0
  )
select
  line.order_id,
  line.line_number,
  line.sku,
  line.quantity,
  coalesce(mod(cast(concat('0x', substr(to_hex(md5(('a\'b:' || cast(line.order_id as string) || ':' || cast(line.line_number as string)))), 1, 8)) as int64), 10000) < 50, false) as dinmo_holdout
from ranked as line
where
  (line.dinmo_rank - 1) * 1000 < line.dinmo_rows * 125
