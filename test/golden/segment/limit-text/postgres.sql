with
  ranked as (
    select
      product.sku,
      product.category,
      product.price,
      product.released_on,
      row_number() over (order by cast(product.category as text) collate "C" desc nulls last, cast(product.sku as text) collate "C" asc nulls last) as dinmo_rank
    from {{ ref('entity_product') }} as product
  )
select
  product.sku,
  product.category,
  product.price,
  product.released_on
from ranked as product
where
  product.dinmo_rank <= 5
