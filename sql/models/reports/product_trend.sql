-- The days are counted from the last sale, not from today, so that the same sales give the same rows.
with sale as (
    select
        calendar.date,
        sale.product_key,
        sale.amount,
        max(calendar.date) over () as last_date
    from {{ ref('product_days') }} as sale
    inner join {{ ref('dim_date') }} as calendar on calendar.date_key = sale.date_key
    where not sale._deleted and calendar.date is not null and sale.product_key <> 0
),

product as (
    select distinct on (_member) _member, product_id, model, category
    from {{ ref('dim_product') }}
    where not _deleted and product_key <> 0
    order by _member, valid_from desc
)

select
    {{ surrogate_key(['product._member']) }} as report_key,
    product.product_id,
    product.model as product,
    product.category,
    coalesce(sum(sale.amount) filter (where sale.date > sale.last_date - 90), 0) as last_90_days,
    coalesce(sum(sale.amount) filter (where sale.date <= sale.last_date - 90), 0) as previous_90_days
from sale
inner join {{ ref('dim_product') }} as version on version.product_key = sale.product_key
inner join product on product._member = version._member
where sale.date > sale.last_date - 180
group by product._member, product.product_id, product.model, product.category
