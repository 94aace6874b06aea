with
  ranked as (
    select
      product.sku,
      product.category,
      product.price,
      product.released_on,
      row_number() over (order by product.category collate c desc nulls last, product.sku collate c asc nulls last) as dinmo_rank
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
