{{ config(
    scope=['date_key', 'product_key'],
    post_hook="{{ forget_former(ref('fact_sales'), ['sales_by_day', 'product_days']) }}",
) }}

with cell as (
    select date_key, product_key
    from {{ changed(ref('fact_sales'), ['date_key', 'product_key']) }} as sale
    where product_key <> 0
    union
    select date_key, product_key
    from {{ former(ref('fact_sales')) }}
    where _batch > {{ since() }} and product_key <> 0
)

select
    cell.date_key,
    cell.product_key,
    sum(sale.amount) as amount,
    count(sale.amount) as amounts,
    count(sale.sale_key) as sales,
    count(sale.sale_key) = 0 as _deleted
from cell
left join {{ ref('fact_sales') }} as sale
    on sale.date_key = cell.date_key and sale.product_key = cell.product_key and not sale._deleted
group by cell.date_key, cell.product_key
