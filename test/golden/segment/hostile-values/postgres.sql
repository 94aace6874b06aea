select
  customer.customer_id,
  customer.email,
  customer.country,
  customer.is_subscribed,
  customer.born_on,
  customer.created_at,
  customer.last_seen_at,
  customer.score,
  customer.interests,
  customer.mystery,
  customer.lifetime_value
from {{ ref('entity_customer') }} as customer
where
  cast(customer.country as text) collate "C" in ('''; drop table customers; --', '{{ '{' }}{ ref(''secrets'') }} {{ '{' }}% endraw %} {{ '{' }}# x #}', E'back\\slash', E'line\nfeed\r\n\ttab\x01', '/* comment */ "quoted" `ticked` $$dollars$$ %s ?', 'é 😀 é')
