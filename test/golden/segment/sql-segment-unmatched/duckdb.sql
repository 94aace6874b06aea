with
  asked_keys as (
    select distinct
      keys.order_id,
      keys.line_number
    from {{ ref('big_lines') }} as keys
  )
select
  asked_keys.order_id,
  asked_keys.line_number,
  line.order_id as dinmo_member
from asked_keys
left join {{ ref('entity_line') }} as line on line.order_id = asked_keys.order_id and line.line_number = asked_keys.line_number
where
  line.order_id is null
