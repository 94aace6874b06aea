select customer_id, tag_id
from {{ ref('raw_customer_tags') }}
