-- How many trips does each published file hold, and what was charged for them?
SELECT file_month, COUNT(*) AS trips, SUM(total_amount) AS charged, AVG(trip_distance) AS miles
FROM yellow_tripdata
WHERE file_month BETWEEN DATE '2019-01-01' AND DATE '2020-12-01'
GROUP BY file_month
ORDER BY file_month
