select
    {{ surrogate_key(['searchterm']) }} as report_key,
    searchterm,
    searches
from {{ source('raw', 'top_search_terms') }}
where not _deleted
