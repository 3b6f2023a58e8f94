select
    service,
    file_month,
    coalesce(pickup_borough, 'Unknown') as borough,
    count(*) as trips,
    sum(total) as total
from {{ ref('fct_trips') }}
group by all
