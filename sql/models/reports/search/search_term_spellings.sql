select
    {{ surrogate_key(['spelling']) }} as report_key,
    searchterm,
    spelling,
    searches
from {{ source('raw', 'search_term_spellings') }}
where not _deleted
