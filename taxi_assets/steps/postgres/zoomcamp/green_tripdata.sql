-- The table that the course's Postgres flow builds for green trips: its columns, names, types and values.
-- See yellow_tripdata.sql for what both views promise.
CREATE OR REPLACE VIEW zoomcamp.green_tripdata AS
SELECT
    md5(
        coalesce(vendorid::text, '')
        || coalesce(lpep_pickup_datetime::text, '')
        || coalesce(lpep_dropoff_datetime::text, '')
        || coalesce(pulocationid::text, '')
        || coalesce(dolocationid::text, '')
        || coalesce(fare_amount::text, '')
        || coalesce(trip_distance::text, '')
    ) AS unique_row_id,
    'green_tripdata_' || to_char(file_month, 'YYYY-MM') || '.csv' AS filename,
    vendorid::text AS vendorid,
    lpep_pickup_datetime,
    lpep_dropoff_datetime,
    store_and_fwd_flag,
    ratecodeid::text AS ratecodeid,
    pulocationid::text AS pulocationid,
    dolocationid::text AS dolocationid,
    passenger_count::integer AS passenger_count,
    trip_distance,
    fare_amount,
    extra,
    mta_tax,
    tip_amount,
    tolls_amount,
    ehail_fee,
    improvement_surcharge,
    total_amount,
    payment_type::integer AS payment_type,
    trip_type::integer AS trip_type,
    congestion_surcharge
FROM public.green_tripdata;
