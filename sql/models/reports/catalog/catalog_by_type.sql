select
    {{ surrogate_key(['type']) }} as report_key,
    type,
    count(*) as documents,
    trim_scale(round(avg(screen_size), 2)) as average_screen_size
from ({{ catalog_screens() }}) as screen
group by type
