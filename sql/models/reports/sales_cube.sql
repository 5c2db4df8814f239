with grouped as (
    select
        case grouping(calendar.year, country.country)
            when 0 then 'year,country'
            when 1 then 'year'
            when 2 then 'country'
            when 3 then 'total'
        end as level,
        calendar.year,
        country.country,
        round(avg(sale.amount), 2) as average_sales,
        count(sale.sale_key) as sales
    from {{ ref('fact_sales') }} as sale
    inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
    inner join {{ ref('dim_country') }} as country on country.country_key = sale.country_key
    where not sale._deleted
    group by cube (calendar.year, country.country)
)

select
    {{ surrogate_key(['level', 'year', 'country']) }} as report_key,
    *
from grouped
