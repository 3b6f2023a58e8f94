{# What BigQuery says in its own way. The macros have the same names in every file of this folder. #}
{% macro number() %}FLOAT64{% endmacro %}
{% macro seconds_between(from, to) %}DATETIME_DIFF({{ to }}, {{ from }}, SECOND){% endmacro %}
{% macro parameter(name) %}@{{ name }}{% endmacro %}
{% macro as_text(value) %}CAST({{ value }} AS STRING){% endmacro %}
{# Postgres writes 10.0 as 10, as BigQuery does, but not its emulator. #}
{% macro number_as_text(value) %}REGEXP_REPLACE(CAST({{ value }} AS STRING), '[.]0$', ''){% endmacro %}
{% macro md5() %}TO_HEX(MD5({{ caller() }})){% endmacro %}
{% macro year_and_month(day) %}FORMAT_DATE('%Y-%m', {{ day }}){% endmacro %}
