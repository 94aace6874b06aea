-- A segment by SQL: any model that gives the entity's key can be one.
select customer_id
from {{ ref('customers') }}
where not ads_opt_in and not is_test
