-- For-hire vehicles as the course's flows would build their table: its schemes of names, types and ids, which it uses for
-- yellow and green. See yellow_tripdata.sql for what these views promise.
SELECT
    {% call sql.md5() %}

        COALESCE(dispatching_base_num, '')
        || COALESCE({{ sql.as_text('pickup_datetime') }}, '')
        || COALESCE({{ sql.as_text('dropoff_datetime') }}, '')
        || COALESCE({{ sql.as_text('pulocationid') }}, '')
        || COALESCE({{ sql.as_text('dolocationid') }}, '')
        || COALESCE(affiliated_base_number, '')
    {% endcall %} AS unique_row_id,
    'fhv_tripdata_' || {{ sql.year_and_month('file_month') }} || '.csv' AS filename,
    dispatching_base_num,
    pickup_datetime,
    dropoff_datetime,
    {{ sql.as_text('pulocationid') }} AS pulocationid,
    {{ sql.as_text('dolocationid') }} AS dolocationid,
    {{ sql.as_text('sr_flag') }} AS sr_flag,
    affiliated_base_number
FROM {{ trips }}
