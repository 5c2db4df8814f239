with {{ catalog_screens() }}

select
    {{ surrogate_key(['type', 'screen_size']) }} as report_key,
    type,
    screen_size::double precision as screen_size,
    count(id) as documents
from screen
group by type, screen_size
