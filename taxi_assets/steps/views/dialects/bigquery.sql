{# What BigQuery says in its own way. The macros have the same names in every file of this folder. #}
{% macro number() %}FLOAT64{% endmacro %}
{% macro seconds_between(from, to) %}DATETIME_DIFF({{ to }}, {{ from }}, SECOND){% endmacro %}
{% macro parameter(name) %}@{{ name }}{% endmacro %}
