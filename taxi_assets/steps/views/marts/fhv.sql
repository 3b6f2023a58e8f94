-- For-hire vehicles in the vocabulary of marts.trips: times and zones are all that bases report.
SELECT
    'fhv' AS service,
    file_month,
    pickup_datetime AS pickup_at,
    dropoff_datetime AS dropoff_at,
    pulocationid AS pickup_zone,
    dolocationid AS dropoff_zone,
    CAST(NULL AS INTEGER) AS passengers,
    CAST(NULL AS {{ sql.number() }}) AS miles,
    {{ sql.seconds_between('pickup_datetime', 'dropoff_datetime') }} AS seconds,
    CAST(NULL AS {{ sql.number() }}) AS fare,
    CAST(NULL AS {{ sql.number() }}) AS tip,
    CAST(NULL AS {{ sql.number() }}) AS tolls,
    CAST(NULL AS {{ sql.number() }}) AS total,
    CAST(NULL AS INTEGER) AS payment,
    CAST(NULL AS STRING) AS company,
    FALSE AS tip_recorded,
    EXTRACT(YEAR FROM pickup_datetime) = EXTRACT(YEAR FROM file_month)
        AND EXTRACT(MONTH FROM pickup_datetime) = EXTRACT(MONTH FROM file_month) AS in_file_month
FROM {{ trips }}
