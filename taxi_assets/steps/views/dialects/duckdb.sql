{# What DuckDB says in its own way. The macros have the same names in every file of this folder. #}
{% macro number() %}DOUBLE{% endmacro %}
{% macro seconds_between(from, to) %}date_diff('second', {{ from }}, {{ to }}){% endmacro %}
{% macro parameter(name) %}${{ name }}{% endmacro %}
