{# What DuckDB says in its own way. The macros have the same names in every file of this folder. #}
{% macro number() %}DOUBLE{% endmacro %}
{% macro seconds_between(from, to) %}date_diff('second', {{ from }}, {{ to }}){% endmacro %}
{% macro parameter(name) %}${{ name }}{% endmacro %}
{% macro as_text(value) %}CAST({{ value }} AS VARCHAR){% endmacro %}
{# Postgres writes 10.0 as 10. #}
{% macro number_as_text(value) %}regexp_replace(CAST({{ value }} AS VARCHAR), '\.0$', ''){% endmacro %}
{% macro md5() %}md5({{ caller() }}){% endmacro %}
{% macro year_and_month(day) %}strftime({{ day }}, '%Y-%m'){% endmacro %}
