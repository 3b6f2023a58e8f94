-- Between which boroughs do green taxis go?
SELECT pickups.borough AS from_borough, dropoffs.borough AS to_borough, COUNT(*) AS trips, AVG(rides.fare_amount) AS fare
FROM green_tripdata AS rides
JOIN taxi_zones AS pickups ON pickups.locationid = rides.pulocationid
JOIN taxi_zones AS dropoffs ON dropoffs.locationid = rides.dolocationid
WHERE rides.file_month = DATE '2024-01-01'
GROUP BY pickups.borough, dropoffs.borough
ORDER BY trips DESC, from_borough, to_borough
