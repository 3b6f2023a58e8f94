with source as (
    select * from {{ source('taxi', 'green_tripdata') }}
)

select
    'green' as service,
    file_month,
    vendorid,
    lpep_pickup_datetime as pickup_at,
    lpep_dropoff_datetime as dropoff_at,
    pulocationid as pickup_zone,
    dolocationid as dropoff_zone,
    trip_distance as miles,
    payment_type,
    total_amount as total
from source
