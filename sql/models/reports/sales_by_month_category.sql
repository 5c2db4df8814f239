with sales as (
    select
        calendar.year,
        calendar.month,
        sale.category_key,
        sum(sale.amount) as amount,
        sum(sale.sales) as sales
    from {{ ref('sales_by_day') }} as sale
    inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
    where not sale._deleted
    group by calendar.year, calendar.month, sale.category_key
)

select
    {{ surrogate_key(['sales.year', 'sales.month', 'category.category']) }} as report_key,
    sales.year,
    sales.month,
    category.category,
    coalesce(sum(sales.amount), 0) as total_sales,
    coalesce(sum(sales.sales), 0) as sales
from sales
inner join {{ ref('dim_category') }} as category on category.category_key = sales.category_key
group by sales.year, sales.month, category.category
