select
    {{ surrogate_key(['extract(year from date)', 'extract(month from date)', 'category', 'item']) }} as report_key,
    extract(year from date) as year,
    extract(quarter from date) as quarter,
    extract(month from date) as month,
    category,
    item,
    coalesce(sum(amount), 0) as total_sales,
    sum(sales) as sales
from {{ ref('sales_history_days') }}
where not _deleted
group by extract(year from date), extract(quarter from date), extract(month from date), category, item
