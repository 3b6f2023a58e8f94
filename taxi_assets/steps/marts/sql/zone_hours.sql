-- Trips by date, hour and pickup zone.
SELECT
    service,
    file_month,
    CAST(pickup_at AS DATE) AS pickup_date,
    EXTRACT(HOUR FROM pickup_at) AS pickup_hour,
    pickup_zone,
    in_file_month,
    {{ sums }}
FROM {{ trips }}
GROUP BY service, file_month, pickup_date, pickup_hour, pickup_zone, in_file_month
