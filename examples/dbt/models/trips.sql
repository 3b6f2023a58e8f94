-- A trip has no number of its own: equal lines of a month's file are counted, so that none is lost.
{% set line = "service, file_month, vendorid, pickup_at, dropoff_at, pickup_zone, dropoff_zone, miles, payment_type, total" %}

with united as (
    select * from {{ ref('stg_yellow') }}
    union all
    select * from {{ ref('stg_green') }}
)

select
    md5(row({{ line }}, row_number() over (partition by {{ line }}))::varchar) as trip_id,
    *
from united
