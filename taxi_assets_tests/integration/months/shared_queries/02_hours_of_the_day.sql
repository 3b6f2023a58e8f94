-- When do people take taxis, before and in the first spring of the pandemic?
SELECT EXTRACT(YEAR FROM file_month) AS published, EXTRACT(HOUR FROM tpep_pickup_datetime) AS hour_of_day, COUNT(*) AS trips
FROM yellow_tripdata
WHERE file_month IN (DATE '2019-01-01', DATE '2020-04-01')
GROUP BY EXTRACT(YEAR FROM file_month), EXTRACT(HOUR FROM tpep_pickup_datetime)
ORDER BY published, hour_of_day
