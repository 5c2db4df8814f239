select
    {{ surrogate_key(['referer']) }} as report_key,
    rank,
    referer,
    requests,
    robot_requests,
    visitors,
    errors,
    bytes
from {{ source('weblog', 'referers') }}
where not _deleted
