-- App companies in the vocabulary of marts.trips. The CSV edition of 2019 and 2020 has times and zones only; then all
-- that is money or distance is NULL, and `total` with it, which is the sum of the parts that passengers pay.
SELECT
    'fhvhv' AS service,
    file_month,
    pickup_datetime AS pickup_at,
    dropoff_datetime AS dropoff_at,
    pulocationid AS pickup_zone,
    dolocationid AS dropoff_zone,
    CAST(NULL AS INTEGER) AS passengers,
    trip_miles AS miles,
    COALESCE(trip_time, {{ sql.seconds_between('pickup_datetime', 'dropoff_datetime') }}) AS seconds,
    base_passenger_fare AS fare,
    tips AS tip,
    tolls,
    base_passenger_fare + COALESCE(tolls, 0) + COALESCE(bcf, 0) + COALESCE(sales_tax, 0)
        + COALESCE(congestion_surcharge, 0) + COALESCE(airport_fee, 0) + COALESCE(cbd_congestion_fee, 0)
        + COALESCE(tips, 0) AS total,
    CAST(NULL AS INTEGER) AS payment,
    hvfhs_license_num AS company,
    tips IS NOT NULL AS tip_recorded,
    EXTRACT(YEAR FROM pickup_datetime) = EXTRACT(YEAR FROM file_month)
        AND EXTRACT(MONTH FROM pickup_datetime) = EXTRACT(MONTH FROM file_month) AS in_file_month
FROM {{ trips }}
