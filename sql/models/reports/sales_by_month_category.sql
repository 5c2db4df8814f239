select
    {{ surrogate_key(['calendar.year', 'calendar.month', 'category.category']) }} as report_key,
    calendar.year,
    calendar.month,
    category.category,
    coalesce(sum(sale.amount), 0) as total_sales,
    count(sale.sale_key) as sales
from {{ ref('fact_sales') }} as sale
inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
inner join {{ ref('dim_category') }} as category on category.category_key = sale.category_key
where not sale._deleted
group by calendar.year, calendar.month, category.category
