{# Amounts to the cent. A cast of BigQuery takes no size: its numeric has nine decimals, and they are exact too. #}
{% macro type_money() -%}
  {{ 'numeric' if target.type == 'bigquery' else 'decimal(12, 2)' }}
{%- endmacro %}
