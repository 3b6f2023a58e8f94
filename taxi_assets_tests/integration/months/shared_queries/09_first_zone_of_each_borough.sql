-- Which zone leads its borough, and how far ahead of the next is it?
WITH counted AS (
  SELECT zones.borough, zones.zone, COUNT(*) AS trips
  FROM yellow_tripdata AS rides
  JOIN taxi_zones AS zones ON zones.locationid = rides.pulocationid
  WHERE rides.file_month >= DATE '2019-01-01'
  GROUP BY zones.borough, zones.zone
), ranked AS (
  SELECT
    borough, zone, trips,
    ROW_NUMBER() OVER (PARTITION BY borough ORDER BY trips DESC, zone) AS place,
    trips - LEAD(trips) OVER (PARTITION BY borough ORDER BY trips DESC, zone) AS ahead
  FROM counted
)
SELECT borough, zone, trips, ahead
FROM ranked
WHERE place = 1
ORDER BY borough
