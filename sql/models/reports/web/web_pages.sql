select
    {{ surrogate_key(['page']) }} as report_key,
    rank,
    page,
    requests,
    robot_requests,
    visitors,
    errors,
    bytes
from {{ source('weblog', 'pages') }}
where not _deleted
