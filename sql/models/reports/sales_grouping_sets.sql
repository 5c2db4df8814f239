with grouped as (
    select
        case grouping(category.category, country.country)
            when 0 then 'category,country'
            when 1 then 'category'
            when 2 then 'country'
            when 3 then 'total'
        end as level,
        category.category,
        country.country,
        coalesce(sum(sale.amount), 0) as total_sales,
        count(sale.sale_key) as sales
    from {{ ref('fact_sales') }} as sale
    inner join {{ ref('dim_category') }} as category on category.category_key = sale.category_key
    inner join {{ ref('dim_country') }} as country on country.country_key = sale.country_key
    where not sale._deleted
    group by grouping sets (
        (category.category, country.country), (category.category), (country.country), ()
    )
)

select
    {{ surrogate_key(['level', 'category', 'country']) }} as report_key,
    *
from grouped
