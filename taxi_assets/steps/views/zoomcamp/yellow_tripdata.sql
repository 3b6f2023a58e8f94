-- The table that the course's Postgres flow builds for yellow trips: its columns, names, types and values, in every store.
-- Made afresh from the loaded months, so it is never stale. Where it differs on purpose: a month that was loaded
-- again replaces its rows here too, while the course's MERGE keeps the old ones beside the corrected ones.
-- unique_row_id is text made of dates and numbers, so in Postgres it equals the course's under the default DateStyle (ISO)
-- and extra_float_digits, which the course's own value depended on as well. The other stores write them as Postgres does.
SELECT
    {% call sql.md5() %}

        COALESCE({{ sql.as_text('vendorid') }}, '')
        || COALESCE({{ sql.as_text('tpep_pickup_datetime') }}, '')
        || COALESCE({{ sql.as_text('tpep_dropoff_datetime') }}, '')
        || COALESCE({{ sql.as_text('pulocationid') }}, '')
        || COALESCE({{ sql.as_text('dolocationid') }}, '')
        || COALESCE({{ sql.number_as_text('fare_amount') }}, '')
        || COALESCE({{ sql.number_as_text('trip_distance') }}, '')
    {% endcall %} AS unique_row_id,
    'yellow_tripdata_' || {{ sql.year_and_month('file_month') }} || '.csv' AS filename,
    {{ sql.as_text('vendorid') }} AS vendorid,
    tpep_pickup_datetime,
    tpep_dropoff_datetime,
    CAST(passenger_count AS INTEGER) AS passenger_count,
    trip_distance,
    {{ sql.as_text('ratecodeid') }} AS ratecodeid,
    store_and_fwd_flag,
    {{ sql.as_text('pulocationid') }} AS pulocationid,
    {{ sql.as_text('dolocationid') }} AS dolocationid,
    CAST(payment_type AS INTEGER) AS payment_type,
    fare_amount,
    extra,
    mta_tax,
    tip_amount,
    tolls_amount,
    improvement_surcharge,
    total_amount,
    congestion_surcharge
FROM {{ trips }}
