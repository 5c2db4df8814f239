select
    {{ surrogate_key(['calendar.year', 'calendar.quarter', 'country.country']) }} as report_key,
    calendar.year,
    calendar.quarter,
    country.country,
    coalesce(sum(sale.amount), 0) as total_sales,
    count(sale.sale_key) as sales
from {{ ref('fact_sales') }} as sale
inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
inner join {{ ref('dim_country') }} as country on country.country_key = sale.country_key
where not sale._deleted
group by calendar.year, calendar.quarter, country.country
