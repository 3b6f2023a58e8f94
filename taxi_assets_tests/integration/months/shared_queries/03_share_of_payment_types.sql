-- What share of the money comes by which way of paying?
SELECT payment_type, COUNT(*) AS trips, SUM(total_amount) / SUM(SUM(total_amount)) OVER () AS share
FROM yellow_tripdata
WHERE file_month >= DATE '2019-01-01'
GROUP BY payment_type
ORDER BY COALESCE(payment_type, -1)
