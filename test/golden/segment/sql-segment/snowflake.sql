with
  asked_keys as (
    select distinct
      keys.order_id,
      keys.line_number
    from {{ ref('big_lines') }} as keys
  )
select
  line.order_id,
  line.line_number,
  line.sku,
  line.quantity,
  coalesce(mod(to_number(substr(md5(('s:' || to_varchar(line.order_id) || ':' || to_varchar(line.line_number))), 1, 8), 'XXXXXXXX'), 10000) < 2000, false) as dinmo_holdout
from {{ ref('entity_line') }} as line
inner join asked_keys on asked_keys.order_id = line.order_id and asked_keys.line_number = line.line_number
