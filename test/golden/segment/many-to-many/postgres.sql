with
  tags_links as (
    select distinct
      links.customer_id,
      links.tag_id
    from {{ ref('customer_tags') }} as links
  ),
  tags_exists as (
    select distinct
      tags_links.customer_id
    from tags_links
    inner join {{ ref('entity_tag') }} as tag on tag.tag_id = tags_links.tag_id
    where
      cast(tag.name as text) collate "C" in ('gold', 'silver')
  ),
  tags_count as (
    select
      tags_links.customer_id,
      count(*) as result
    from tags_links
    inner join {{ ref('entity_tag') }} as tag on tag.tag_id = tags_links.tag_id
    group by tags_links.customer_id
  )
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
left join tags_exists on tags_exists.customer_id = customer.customer_id
left join tags_count on tags_count.customer_id = customer.customer_id
where
  tags_exists.customer_id is not null
  and coalesce(tags_count.result, 0) < 5
