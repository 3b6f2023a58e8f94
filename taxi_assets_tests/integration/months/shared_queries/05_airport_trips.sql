-- How do trips from the airports differ from the others?
SELECT
  CASE WHEN pulocationid IN (1, 132, 138) THEN 'airport' ELSE 'city' END AS pickup,
  COUNT(*) AS trips,
  AVG(trip_distance) AS miles,
  AVG(total_amount) AS charged,
  MAX(tolls_amount) AS highest_toll
FROM yellow_tripdata
WHERE file_month >= DATE '2019-01-01' AND pulocationid IS NOT NULL
GROUP BY CASE WHEN pulocationid IN (1, 132, 138) THEN 'airport' ELSE 'city' END
ORDER BY pickup
