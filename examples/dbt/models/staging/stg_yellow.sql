with source as (
    select * from {{ source('taxi', 'yellow_tripdata') }}
)

select
    'yellow' as service,
    file_month,
    vendorid,
    tpep_pickup_datetime as pickup_at,
    tpep_dropoff_datetime as dropoff_at,
    pulocationid as pickup_zone,
    dolocationid as dropoff_zone,
    trip_distance as miles,
    payment_type,
    total_amount as total
from source
