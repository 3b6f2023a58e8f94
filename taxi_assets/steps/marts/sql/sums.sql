-- What is added up of the trips of a group. A trip is "moving" when its clock and its meter can both be right: one minute
-- to six hours, and at most 80 miles an hour. See docs/marts.md.
COUNT(*) AS trips,
SUM(miles) AS miles,
SUM(seconds) AS seconds,
SUM(fare) AS fare,
SUM(tip) AS tip,
SUM(tolls) AS tolls,
SUM(total) AS total,
COUNT(fare) AS priced_trips,
COUNT(CASE WHEN tip_recorded AND fare > 0 THEN 1 END) AS tipped_trips,
SUM(CASE WHEN tip_recorded AND fare > 0 THEN fare END) AS tipped_fare,
SUM(CASE WHEN tip_recorded AND fare > 0 THEN tip END) AS tipped_tip,
COUNT(CASE WHEN {{ moving }} THEN 1 END) AS moving_trips,
SUM(CASE WHEN {{ moving }} THEN miles END) AS moving_miles,
SUM(CASE WHEN {{ moving }} THEN seconds END) AS moving_seconds
