select
  "order".order_id,
  "order".customer_id,
  "order".status,
  "order".amount,
  "order".ordered_at
from {{ ref('orders') }} as "order"
where
  not coalesce("order".is_test, false)
