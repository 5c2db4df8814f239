select
    {{ surrogate_key(['searchterm']) }} as report_key,
    searchterm,
    year,
    month,
    previous_searches,
    searches,
    rise
from {{ source('raw', 'rising_search_terms') }}
where not _deleted
