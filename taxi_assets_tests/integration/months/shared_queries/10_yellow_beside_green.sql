-- Both kinds of taxi in one table, with a running total over the months.
WITH months AS (
  SELECT 'yellow' AS taxi, file_month, COUNT(*) AS trips, SUM(total_amount) AS charged
  FROM yellow_tripdata
  WHERE file_month >= DATE '2019-01-01'
  GROUP BY file_month
  UNION ALL
  SELECT 'green' AS taxi, file_month, COUNT(*) AS trips, SUM(total_amount) AS charged
  FROM green_tripdata
  WHERE file_month >= DATE '2019-01-01'
  GROUP BY file_month
)
SELECT taxi, file_month, trips, SUM(charged) OVER (PARTITION BY taxi ORDER BY file_month) AS charged_so_far
FROM months
ORDER BY taxi, file_month
