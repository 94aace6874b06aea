select
  "ORDER".order_id,
  "ORDER".customer_id,
  "ORDER".status,
  "ORDER".amount,
  "ORDER".ordered_at
from {{ ref('orders') }} as "ORDER"
where
  not coalesce("ORDER".is_test, false)
