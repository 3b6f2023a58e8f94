-- Trips by the zones in which they began and ended.
SELECT
    service,
    file_month,
    pickup_zone,
    dropoff_zone,
    in_file_month,
    {{ sums }}
FROM {{ trips }}
GROUP BY service, file_month, pickup_zone, dropoff_zone, in_file_month
