select
    {{ surrogate_key(['position']) }} as report_key,
    position,
    column_name,
    data_type,
    rows,
    smallest,
    largest
from {{ source('raw', 'search_terms_profile') }}
where not _deleted
