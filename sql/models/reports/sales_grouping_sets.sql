with sales as (
    select
        sale.category_key,
        sale.country_key,
        sum(sale.amount) as amount,
        sum(sale.sales) as sales
    from {{ ref('sales_by_day') }} as sale
    where not sale._deleted
    group by sale.category_key, sale.country_key
),

grouped as (
    select
        case grouping(category.category, country.country)
            when 0 then 'category,country'
            when 1 then 'category'
            when 2 then 'country'
            when 3 then 'total'
        end as level,
        category.category,
        country.country,
        coalesce(sum(sales.amount), 0) as total_sales,
        coalesce(sum(sales.sales), 0) as sales
    from sales
    inner join {{ ref('dim_category') }} as category on category.category_key = sales.category_key
    inner join {{ ref('dim_country') }} as country on country.country_key = sales.country_key
    group by grouping sets (
        (category.category, country.country), (category.category), (country.country), ()
    )
)

select
    {{ surrogate_key(['level', 'category', 'country']) }} as report_key,
    *
from grouped
