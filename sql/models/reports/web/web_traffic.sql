select
    {{ surrogate_key(['day', 'hour']) }} as report_key,
    day,
    hour,
    requests,
    robot_requests,
    visitors,
    robots,
    errors,
    bytes,
    {%- for device in ['phone', 'tablet', 'computer', 'unknown'] %}
    round({{ device }}::numeric / nullif(requests - robot_requests, 0), 4) as {{ device }}_share{{ ',' if not loop.last }}
    {%- endfor %}
from {{ source('weblog', 'hours') }}
where not _deleted
