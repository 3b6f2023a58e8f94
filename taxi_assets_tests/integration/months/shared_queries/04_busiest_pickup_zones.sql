-- Where do trips begin?
SELECT zones.borough, zones.zone, COUNT(*) AS trips
FROM yellow_tripdata AS rides
JOIN taxi_zones AS zones ON zones.locationid = rides.pulocationid
WHERE rides.file_month >= DATE '2019-01-01'
GROUP BY zones.borough, zones.zone
ORDER BY trips DESC, zones.zone, zones.borough
LIMIT 20
