with last_visits as (

    select customer_id, max(occurred_at) as last_seen_at
    from {{ ref('stg_web_events') }}
    where customer_id is not null
    group by customer_id

)

select
    customers.customer_id,
    customers.first_name,
    customers.last_name,
    customers.email,
    customers.phone,
    customers.birth_date,
    customers.gender,
    customers.city,
    customers.zip,
    customers.country,
    customers.language,
    customers.interests,
    customers.home_store_id,
    coalesce(consents.email_opt_in, false) as email_opt_in,
    coalesce(consents.ads_opt_in, false) as ads_opt_in,
    last_visits.last_seen_at,
    customers.created_at,
    customers.is_test,
    customers.support_note
from {{ ref('stg_customers') }} as customers
left join {{ ref('stg_consents') }} as consents on consents.customer_id = customers.customer_id
left join last_visits on last_visits.customer_id = customers.customer_id
