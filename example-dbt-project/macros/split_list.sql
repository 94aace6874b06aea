{# 'running|travel' becomes a list; nothing becomes an empty one. Arrays are written differently in every warehouse. #}
{% macro split_list(column) -%}
  {{ return(adapter.dispatch('split_list', 'shop')(column)) }}
{%- endmacro %}


{% macro duckdb__split_list(column) -%}
  case when coalesce({{ column }}, '') = '' then [] else string_split({{ column }}, '|') end
{%- endmacro %}


{% macro postgres__split_list(column) -%}
  {#- An empty text is an empty list here. -#}
  cast(string_to_array(coalesce({{ column }}, ''), '|') as varchar[])
{%- endmacro %}


{% macro bigquery__split_list(column) -%}
  if(coalesce({{ column }}, '') = '', cast([] as array<string>), split({{ column }}, '|'))
{%- endmacro %}


{% macro snowflake__split_list(column) -%}
  iff(coalesce({{ column }}, '') = '', array_construct(), split({{ column }}, '|'))
{%- endmacro %}
