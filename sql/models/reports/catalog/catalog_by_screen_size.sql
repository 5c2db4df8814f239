select
    {{ surrogate_key(['type', 'screen_size']) }} as report_key,
    type,
    screen_size,
    count(*) as documents
from ({{ catalog_screens() }}) as screen
group by type, screen_size
