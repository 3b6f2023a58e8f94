{# What Postgres says in its own way. The macros have the same names in every file of this folder. #}
{% macro as_text(value) %}CAST({{ value }} AS text){% endmacro %}
{% macro number_as_text(value) %}CAST({{ value }} AS text){% endmacro %}
{% macro md5() %}md5({{ caller() }}){% endmacro %}
{% macro year_and_month(day) %}to_char({{ day }}, 'YYYY-MM'){% endmacro %}
