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
  coalesce(mod(cast(concat('0x', substr(to_hex(md5(('s:' || cast(line.order_id as string) || ':' || cast(line.line_number as string)))), 1, 8)) as int64), 10000) < 2000, false) as dinmo_holdout
from {{ ref('entity_line') }} as line
inner join asked_keys on asked_keys.order_id = line.order_id and asked_keys.line_number = line.line_number
