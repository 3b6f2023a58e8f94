-- Green taxis in the vocabulary of marts.trips.
SELECT
    'green' AS service,
    file_month,
    lpep_pickup_datetime AS pickup_at,
    lpep_dropoff_datetime AS dropoff_at,
    pulocationid AS pickup_zone,
    dolocationid AS dropoff_zone,
    passenger_count AS passengers,
    trip_distance AS miles,
    {{ sql.seconds_between('lpep_pickup_datetime', 'lpep_dropoff_datetime') }} AS seconds,
    fare_amount AS fare,
    tip_amount AS tip,
    tolls_amount AS tolls,
    total_amount AS total,
    payment_type AS payment,
    CAST(NULL AS STRING) AS company,
    COALESCE(payment_type = 1, FALSE) AS tip_recorded,
    EXTRACT(YEAR FROM lpep_pickup_datetime) = EXTRACT(YEAR FROM file_month)
        AND EXTRACT(MONTH FROM lpep_pickup_datetime) = EXTRACT(MONTH FROM file_month) AS in_file_month
FROM {{ trips }}
