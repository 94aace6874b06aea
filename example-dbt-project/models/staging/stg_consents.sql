-- One row per customer: what holds now. Nobody has agreed to what they were never asked.
select
    customer_id,
    max(case when channel = 'email' and granted then 1 else 0 end) = 1 as email_opt_in,
    max(case when channel = 'ads' and granted then 1 else 0 end) = 1 as ads_opt_in,
    max(changed_at) as changed_at
from {{ ref('raw_consents') }}
group by customer_id
