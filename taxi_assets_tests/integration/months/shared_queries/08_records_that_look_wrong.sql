-- How much of what is published cannot be an ordinary trip? Refunds are negative rows, and stay.
SELECT
  file_month,
  COUNT(*) AS trips,
  SUM(CASE WHEN fare_amount < 0 THEN 1 ELSE 0 END) AS refunds,
  SUM(CASE WHEN trip_distance <= 0 THEN 1 ELSE 0 END) AS without_distance,
  SUM(CASE WHEN tpep_dropoff_datetime <= tpep_pickup_datetime THEN 1 ELSE 0 END) AS without_time,
  SUM(CASE WHEN tpep_pickup_datetime < '2009-01-01 00:00:00' THEN 1 ELSE 0 END) AS before_the_first_file,
  COUNT(*) - COUNT(congestion_surcharge) AS without_surcharge
FROM yellow_tripdata
WHERE file_month >= DATE '2019-01-01'
GROUP BY file_month
ORDER BY file_month
