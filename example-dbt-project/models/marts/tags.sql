select tag_id, tag_name
from {{ ref('raw_tags') }}
