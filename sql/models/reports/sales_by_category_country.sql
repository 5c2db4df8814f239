select
    {{ surrogate_key(['category.category', 'country.country']) }} as report_key,
    category.category,
    country.country,
    coalesce(sum(sale.amount), 0) as total_sales,
    count(sale.sale_key) as sales
from {{ ref('fact_sales') }} as sale
inner join {{ ref('dim_category') }} as category on category.category_key = sale.category_key
inner join {{ ref('dim_country') }} as country on country.country_key = sale.country_key
where not sale._deleted
group by category.category, country.country
