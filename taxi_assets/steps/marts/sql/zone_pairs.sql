-- Trips by the zones in which they began and ended.
SELECT
    service,
    file_month,
    pickup_zone,
    dropoff_zone,
    in_file_month,
    COUNT(*) AS trips,
    SUM(miles) AS miles,
    SUM(seconds) AS seconds,
    SUM(fare) AS fare,
    SUM(tip) AS tip,
    SUM(tolls) AS tolls,
    SUM(total) AS total,
    COUNT(fare) AS priced_trips,
    COUNT(CASE WHEN tip_recorded AND fare > 0 THEN 1 END) AS tipped_trips,
    SUM(CASE WHEN tip_recorded AND fare > 0 THEN fare END) AS tipped_fare,
    SUM(CASE WHEN tip_recorded AND fare > 0 THEN tip END) AS tipped_tip,
    COUNT(CASE WHEN {{ moving }} THEN 1 END) AS moving_trips,
    SUM(CASE WHEN {{ moving }} THEN miles END) AS moving_miles,
    SUM(CASE WHEN {{ moving }} THEN seconds END) AS moving_seconds
FROM {{ trips }}
GROUP BY service, file_month, pickup_zone, dropoff_zone, in_file_month
