-- One row per customer: what holds now. Nobody has agreed to what they were never asked.
select
    customer_id,
    coalesce(bool_or(granted) filter (where channel = 'email'), false) as email_opt_in,
    coalesce(bool_or(granted) filter (where channel = 'ads'), false) as ads_opt_in,
    max(changed_at) as changed_at
from {{ ref('raw_consents') }}
group by customer_id
