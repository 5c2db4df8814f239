select
    {{ surrogate_key(['period', 'category', 'model']) }} as report_key,
    period,
    category,
    sales,
    lower,
    upper,
    model
from {{ source('raw', 'sales_forecast') }}
where not _deleted
