{{ config(materialized='incremental', incremental_strategy='merge', unique_key='trip_id', on_schema_change='fail') }}

select
    trips.*,
    payment_types.description as payment,
    zones.borough as pickup_borough
from {{ ref('trips') }} as trips
left join {{ ref('payment_types') }} as payment_types using (payment_type)
left join {{ source('taxi', 'taxi_zones') }} as zones on zones.locationid = trips.pickup_zone

{% if is_incremental() %}
-- By the month of the file: clocks of cabs that say 2098 would stop an incremental model that goes by the pickup's time.
where (trips.service, trips.file_month) not in (select distinct service, file_month from {{ this }})
{% endif %}
