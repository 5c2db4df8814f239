with sales as (
    select
        sale.category_key,
        sale.country_key,
        sum(sale.amount) as amount,
        sum(sale.sales) as sales
    from {{ ref('sales_by_day') }} as sale
    where not sale._deleted
    group by sale.category_key, sale.country_key
)

select
    {{ surrogate_key(['category.category', 'country.country']) }} as report_key,
    category.category,
    country.country,
    coalesce(sum(sales.amount), 0) as total_sales,
    coalesce(sum(sales.sales), 0) as sales
from sales
inner join {{ ref('dim_category') }} as category on category.category_key = sales.category_key
inner join {{ ref('dim_country') }} as country on country.country_key = sales.country_key
group by category.category, country.country
