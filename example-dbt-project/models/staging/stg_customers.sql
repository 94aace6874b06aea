select
    customer_id,
    trim(first_name) as first_name,
    trim(last_name) as last_name,
    lower(trim(email)) as email,
    phone,
    birth_date,
    gender,
    city,
    zip,
    country,
    language,
    {{ split_list('interests') }} as interests,
    home_store_id,
    created_at,
    is_test,
    support_note
from {{ ref('raw_customers') }}
