{#
  dbt takes this macro for every model of a project whose dbt_project.yml says

    dispatch:
      - macro_namespace: dbt
        search_order: [<the project>, dinmo, dbt]

  and that has no generate_schema_name of its own.
#}
{% macro default__generate_schema_name(custom_schema_name, node) -%}
  {{ return(dinmo.dinmo_schema_name(custom_schema_name, node)) }}
{%- endmacro %}


{% macro dinmo_schema_name(custom_schema_name, node) -%}
  {%- if dinmo.is_exact_schema(custom_schema_name) -%}
    {{ return(custom_schema_name | trim) }}
  {%- else -%}
    {#- Qualified: unqualified it would be dispatched, and come back here. -#}
    {{ return(dbt.default__generate_schema_name(custom_schema_name, node)) }}
  {%- endif -%}
{%- endmacro %}


{% macro is_exact_schema(custom_schema_name) -%}
  {%- set schemas = var('dinmo_schemas', ['DINMO_SEGMENTS', 'DINMO_STATS', 'DINMO_DELTA_STORAGE']) -%}
  {%- set targets = var('dinmo_exact_schema_targets', ['prod']) -%}
  {{ return(custom_schema_name is not none and (custom_schema_name | trim) in schemas and target.name in targets) }}
{%- endmacro %}
