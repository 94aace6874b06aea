{% test not_empty(model) %}

select number_of_rows
from (select count(*) as number_of_rows from {{ model }}) as measured
where number_of_rows = 0

{% endtest %}


{% test size_between(model, min=none, max=none) %}

{%- if min is none and max is none %}
  {{ exceptions.raise_compiler_error('dinmo.size_between needs min, max or both') }}
{%- endif %}

select number_of_rows
from (select count(*) as number_of_rows from {{ model }}) as measured
where 1 = 0
{%- if min is not none %}
    or number_of_rows < {{ min }}
{%- endif %}
{%- if max is not none %}
    or number_of_rows > {{ max }}
{%- endif %}

{% endtest %}


{% test change_within_percent(model, percent, segment=none) %}

{#- The model of a segment is called segment_<name>. With `where` the model is a subquery: then `segment` says the name. -#}
{%- set name = segment or model.identifier[('segment_' | length):] %}

with measured as (

    select count(*) as number_of_rows from {{ model }}

),

{#- The newest size that an earlier run saw: the history may hold this run's already. #}
previous as (

    select members
    from {{ ref('stats_segment_sizes') }}
    where lower(segment) = lower('{{ name }}') and invocation_id <> '{{ invocation_id }}'
    order by measured_at desc
    limit 1

)

select measured.number_of_rows, previous.members as previous_number_of_rows
from measured
cross join previous
where abs(measured.number_of_rows - previous.members) * 100.0 > {{ percent }} * previous.members

{% endtest %}
