-- The table that the course's Postgres flow builds for yellow trips: its columns, names, types and values.
-- Made afresh from the loaded months, so it is never stale. Where it differs on purpose: a month that was loaded
-- again replaces its rows here too, while the course's MERGE keeps the old ones beside the corrected ones.
-- unique_row_id is text made of dates and numbers, so it equals the course's under the default DateStyle (ISO) and
-- extra_float_digits, which the course's own value depended on as well.
CREATE OR REPLACE VIEW zoomcamp.yellow_tripdata AS
SELECT
    md5(
        coalesce(vendorid::text, '')
        || coalesce(tpep_pickup_datetime::text, '')
        || coalesce(tpep_dropoff_datetime::text, '')
        || coalesce(pulocationid::text, '')
        || coalesce(dolocationid::text, '')
        || coalesce(fare_amount::text, '')
        || coalesce(trip_distance::text, '')
    ) AS unique_row_id,
    'yellow_tripdata_' || to_char(file_month, 'YYYY-MM') || '.csv' AS filename,
    vendorid::text AS vendorid,
    tpep_pickup_datetime,
    tpep_dropoff_datetime,
    passenger_count::integer AS passenger_count,
    trip_distance,
    ratecodeid::text AS ratecodeid,
    store_and_fwd_flag,
    pulocationid::text AS pulocationid,
    dolocationid::text AS dolocationid,
    payment_type::integer AS payment_type,
    fare_amount,
    extra,
    mta_tax,
    tip_amount,
    tolls_amount,
    improvement_surcharge,
    total_amount,
    congestion_surcharge
FROM public.yellow_tripdata;
