-- Do fuller taxis tip better? Cards only: cash tips are not recorded.
SELECT passenger_count, COUNT(*) AS trips, SUM(tip_amount) / NULLIF(SUM(fare_amount), 0) AS tip_share
FROM yellow_tripdata
WHERE file_month >= DATE '2019-01-01' AND payment_type = 1 AND fare_amount > 0
GROUP BY passenger_count
HAVING COUNT(*) >= 10
ORDER BY COALESCE(passenger_count, -1)
