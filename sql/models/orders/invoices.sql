{{ config(scope=['order_number']) }}

with touched as (
    select distinct order_number
    from {{ changed(source('raw', 'order_lines'), ['order_number']) }} as line
),

line as (
    select *
    from {{ source('raw', 'order_lines') }}
    where not _deleted and order_number in (select order_number from touched)
),

-- Where lines contradict each other, the one that was updated last speaks for the order.
spoken as (
    select distinct on (order_number) order_number, ordered_at, status, customer_name
    from line
    order by order_number, updated_at desc nulls last, object_time desc, line_number desc
),

summed as (
    select order_number, sum(sales) as total
    from line
    group by order_number
)

select
    touched.order_number,
    spoken.ordered_at::date as order_date,
    spoken.status,
    spoken.customer_name,
    coalesce(summed.total, 0) as total,
    spoken.order_number is null as _deleted
from touched
left join spoken on spoken.order_number = touched.order_number
left join summed on summed.order_number = touched.order_number
