select
    {{ surrogate_key(['year', 'month', 'searchterm']) }} as report_key,
    year,
    month,
    searchterm,
    searches,
    slope
from {{ source('raw', 'search_terms_by_month') }}
where not _deleted
