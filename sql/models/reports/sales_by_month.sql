select
    {{ surrogate_key(['calendar.year', 'calendar.month']) }} as report_key,
    calendar.year,
    calendar.month,
    coalesce(sum(sale.amount), 0) as total_sales,
    sum(sale.sales) as sales,
    0 - sum(sale.returned) as returned,
    sum(sale.returns) as returns,
    max(calendar.date) as last_sale
from {{ ref('sales_by_day') }} as sale
inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
where not sale._deleted
group by calendar.year, calendar.month
