-- The table that the course's Postgres flow builds for green trips: its columns, names, types and values.
-- See yellow_tripdata.sql for what both views promise.
SELECT
    {% call sql.md5() %}

        COALESCE({{ sql.as_text('vendorid') }}, '')
        || COALESCE({{ sql.as_text('lpep_pickup_datetime') }}, '')
        || COALESCE({{ sql.as_text('lpep_dropoff_datetime') }}, '')
        || COALESCE({{ sql.as_text('pulocationid') }}, '')
        || COALESCE({{ sql.as_text('dolocationid') }}, '')
        || COALESCE({{ sql.number_as_text('fare_amount') }}, '')
        || COALESCE({{ sql.number_as_text('trip_distance') }}, '')
    {% endcall %} AS unique_row_id,
    'green_tripdata_' || {{ sql.year_and_month('file_month') }} || '.csv' AS filename,
    {{ sql.as_text('vendorid') }} AS vendorid,
    lpep_pickup_datetime,
    lpep_dropoff_datetime,
    store_and_fwd_flag,
    {{ sql.as_text('ratecodeid') }} AS ratecodeid,
    {{ sql.as_text('pulocationid') }} AS pulocationid,
    {{ sql.as_text('dolocationid') }} AS dolocationid,
    CAST(passenger_count AS INTEGER) AS passenger_count,
    trip_distance,
    fare_amount,
    extra,
    mta_tax,
    tip_amount,
    tolls_amount,
    ehail_fee,
    improvement_surcharge,
    total_amount,
    CAST(payment_type AS INTEGER) AS payment_type,
    CAST(trip_type AS INTEGER) AS trip_type,
    congestion_surcharge
FROM {{ trips }}
