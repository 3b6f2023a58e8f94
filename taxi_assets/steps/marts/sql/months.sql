-- One row a file: what was published, and what became of it. Counted here: `clean`, and the oddities by the rules of
-- taxi_assets/steps/clean/rules/rules.py; the other figures are those of the clean file.
SELECT
    {% for name in figures %}
    {{ sql.parameter(name) }} AS {{ name }},
    {% endfor %}
    COUNT(*) AS clean,
    COUNT(CASE WHEN ({{ odd.values() | reject('none') | join(') OR (') }}) THEN 1 END) AS odd,
    {% for name, predicate in odd.items() %}
    {{ 'CAST(NULL AS BIGINT)' if predicate is none else 'COUNT(CASE WHEN ' ~ predicate ~ ' THEN 1 END)' }} AS {{ name }}{{ '' if loop.last else ',' }}
    {% endfor %}
FROM {{ trips }}
