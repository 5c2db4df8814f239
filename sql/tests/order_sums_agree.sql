-- Number and sum of the lines as they came, of the items, of the invoices and of the fact. Orders with a line that
-- changed after one of these was built are left out everywhere, so a working shop does not turn this red.
with newer as (
    select order_number
    from {{ source('raw', 'order_lines') }}
    where _batch > least(
        {{ built_batch('items') }}, {{ built_batch('invoices') }}, {{ built_batch('fact_order_lines') }}
    )
),

came as (
    select count(*) as lines, count(distinct order_number) as orders, coalesce(sum(sales), 0) as sales
    from {{ source('raw', 'order_lines') }}
    where not _deleted and order_number not in (select order_number from newer)
),

held as (
    select 'items' as model, count(*) as lines, count(distinct order_number) as orders, coalesce(sum(sales), 0) as sales
    from {{ ref('items') }}
    where not _deleted and order_number not in (select order_number from newer)
    union all
    select 'invoices', null, count(*), coalesce(sum(total), 0)
    from {{ ref('invoices') }}
    where not _deleted and order_number not in (select order_number from newer)
    union all
    select 'fact_order_lines', count(*), count(distinct order_number), coalesce(sum(sales), 0)
    from {{ ref('fact_order_lines') }}
    where not _deleted and order_number not in (select order_number from newer)
)

select
    held.model,
    came.lines as lines_came,
    held.lines as lines_held,
    came.orders as orders_came,
    held.orders as orders_held,
    came.sales as sales_came,
    held.sales as sales_held
from held
cross join came
where (coalesce(held.lines, came.lines), held.orders, held.sales) is distinct from (came.lines, came.orders, came.sales)
