-- Live sales as they were landed and synchronised against live sales in the fact, count and sum of each origin. Raw
-- rows that changed after the fact was built are left out on both sides, so a working shop does not turn this red.
with landed as (
    select 'shop' as origin, count(*) as sales, coalesce(sum(price * quantity), 0) as amount
    from {{ source('raw', 'sales_data') }}
    where not _deleted and _batch <= {{ built_batch('fact_sales') }}
    union all
    select 'history', count(*), coalesce(sum(amount), 0)
    from {{ source('raw', 'fact_sales') }}
    where not _deleted and _batch <= {{ built_batch('fact_sales') }}
),

-- Looked up one by one: there are few of them, if any.
newer as (
    select fact.origin, count(*) as sales, coalesce(sum(fact.amount), 0) as amount
    from (
        select 'shop' as origin, rowid as source_id
        from {{ source('raw', 'sales_data') }}
        where _batch > {{ built_batch('fact_sales') }}
        union all
        select 'history', orderid
        from {{ source('raw', 'fact_sales') }}
        where _batch > {{ built_batch('fact_sales') }}
    ) as source
    inner join {{ ref('fact_sales') }} as fact
        on fact.sale_key = source.source_id::numeric * 2 + case source.origin when 'shop' then 1 else 0 end
    where not fact._deleted
    group by fact.origin
),

fact as (
    select
        held.origin,
        held.sales - coalesce(newer.sales, 0) as sales,
        held.amount - coalesce(newer.amount, 0) as amount
    from (
        select origin, count(*) as sales, coalesce(sum(amount), 0) as amount
        from {{ ref('fact_sales') }}
        where not _deleted
        group by origin
    ) as held
    left join newer on newer.origin = held.origin
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
