with {{ catalog_screens() }}

select
    {{ surrogate_key(['type']) }} as report_key,
    type,
    count(id) as documents,
    round(avg(screen_size), 2)::double precision as average_screen_size
from screen
group by type
