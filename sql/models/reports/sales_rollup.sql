with sales as (
    select
        calendar.year,
        sale.country_key,
        sum(sale.amount) as amount,
        sum(sale.sales) as sales
    from {{ ref('sales_by_day') }} as sale
    inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
    where not sale._deleted
    group by calendar.year, sale.country_key
),

grouped as (
    select
        case grouping(sales.year, country.country)
            when 0 then 'year,country'
            when 1 then 'year'
            when 3 then 'total'
        end as level,
        sales.year,
        country.country,
        coalesce(sum(sales.amount), 0) as total_sales,
        coalesce(sum(sales.sales), 0) as sales
    from sales
    inner join {{ ref('dim_country') }} as country on country.country_key = sales.country_key
    group by rollup (sales.year, country.country)
)

select
    {{ surrogate_key(['level', 'year', 'country']) }} as report_key,
    *
from grouped
