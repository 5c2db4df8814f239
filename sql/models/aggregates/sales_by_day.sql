{{ config(
    scope=['date_key', 'country_key', 'category_key'],
    post_hook="{{ forget_former(ref('fact_sales'), ['sales_by_day', 'product_days']) }}",
) }}

with cell as (
    select date_key, country_key, category_key
    from {{ changed(ref('fact_sales'), ['date_key', 'country_key', 'category_key']) }} as sale
    union
    select date_key, country_key, category_key
    from {{ former(ref('fact_sales')) }}
    where _batch > {{ since() }}
)

select
    cell.date_key,
    cell.country_key,
    cell.category_key,
    sum(sale.amount) as amount,
    count(sale.amount) as amounts,
    count(sale.sale_key) as sales,
    coalesce(sum(sale.amount) filter (where sale.amount < 0), 0) as returned,
    count(*) filter (where sale.amount < 0) as returns,
    count(sale.sale_key) = 0 as _deleted
from cell
left join {{ ref('fact_sales') }} as sale
    on sale.date_key = cell.date_key and sale.country_key = cell.country_key and sale.category_key = cell.category_key and not sale._deleted
group by cell.date_key, cell.country_key, cell.category_key
