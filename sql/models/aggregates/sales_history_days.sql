{{ config(scope=['date']) }}

-- The lines of a day are looked at anew when one of them came or went; none changes its day.
with day as (
    select distinct date from {{ changed(ref('sales_history'), ['date']) }} as sale
)

select
    day.date,
    coalesce(sale.category, '') as category,
    coalesce(sale.item, '') as item,
    sum(sale.price) as amount,
    count(sale.sale_id) as sales,
    count(sale.sale_id) = 0 as _deleted
from day
left join {{ ref('sales_history') }} as sale on sale.date = day.date and not sale._deleted
group by day.date, sale.category, sale.item
