-- Number and sum of the lines of the sales history, and of its days. Of a large history just their number, which the
-- last build of each has counted.
with days as (
    select coalesce(sum(sales), 0) as sales, coalesce(sum(amount), 0) as amount
    from {{ ref('sales_history_days') }}
    where not _deleted
),

history as (
    select count(*) as sales, coalesce(sum(price), 0) as amount
    from {{ ref('sales_history') }}
    where not _deleted and {{ audited('sales_history') }} < 0
    having {{ audited('sales_history') }} < 0
    union all
    select total, null
    from {{ beside('sync', 'models') }}
    where model = 'sales_history' and {{ audited('sales_history') }} >= 0
)

select
    history.sales as sales_in_history,
    days.sales as sales_in_days,
    history.amount as amount_in_history,
    days.amount as amount_in_days
from history
cross join days
where (history.sales, coalesce(history.amount, days.amount)) is distinct from (days.sales, days.amount)
