-- Live sales as they were landed and synchronised against live sales in the fact, count and sum of each origin. Raw
-- rows that changed after the fact was built are left out on both sides, so a working shop does not turn this red.
with built as (
    select batch from {{ source('sync', 'models') }} where model = 'fact_sales'
),

landed as (
    select 'shop' as origin, count(*) as sales, coalesce(sum(price * quantity), 0) as amount
    from {{ source('raw', 'sales_data') }}
    where not _deleted and _batch <= (select batch from built)
    union all
    select 'history', count(*), coalesce(sum(amount), 0)
    from {{ source('raw', 'fact_sales') }}
    where not _deleted and _batch <= (select batch from built)
),

newer as (
    select 'shop' as origin, rowid as source_id
    from {{ source('raw', 'sales_data') }}
    where _batch > (select batch from built)
    union all
    select 'history', orderid
    from {{ source('raw', 'fact_sales') }}
    where _batch > (select batch from built)
),

fact as (
    select origin, count(*) as sales, coalesce(sum(amount), 0) as amount
    from {{ ref('fact_sales') }}
    where not _deleted and (origin, source_id) not in (select origin, source_id from newer)
    group by origin
)

select
    landed.origin,
    landed.sales as sales_landed,
    coalesce(fact.sales, 0) as sales_in_fact,
    landed.amount as amount_landed,
    coalesce(fact.amount, 0) as amount_in_fact
from landed
left join fact on fact.origin = landed.origin
where (landed.sales, landed.amount) is distinct from (coalesce(fact.sales, 0), coalesce(fact.amount, 0))
