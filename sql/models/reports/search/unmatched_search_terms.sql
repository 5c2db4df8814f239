select
    {{ surrogate_key(['searchterm']) }} as report_key,
    searchterm,
    searches,
    unknown_words
from {{ source('raw', 'unmatched_search_terms') }}
where not _deleted
