-- Live sales as they were landed and synchronised against live sales in the fact, count and sum of each origin. Raw
-- rows that changed after the fact was built are left out on both sides, so a working shop does not turn this red.
-- Of a large fact, just the sales that changed on either side since the tests passed.
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
),

changed as (
    select 'shop' as origin, rowid as source_id
    from {{ source('raw', 'sales_data') }}
    where _batch > {{ audited('fact_sales') }}
    union
    select 'history', orderid
    from {{ source('raw', 'fact_sales') }}
    where _batch > {{ audited('fact_sales') }}
    union
    select origin, source_id
    from {{ ref('fact_sales') }}
    where _batch > {{ audited('fact_sales') }}
),

compared as (
    select
        changed.origin,
        not coalesce(shop._deleted, history._deleted, true) as is_landed,
        not coalesce(fact._deleted, true) as is_in_fact,
        coalesce(shop.price * shop.quantity, history.amount) as landed,
        fact.amount
    from changed
    left join {{ source('raw', 'sales_data') }} as shop
        on changed.origin = 'shop' and shop.rowid = changed.source_id
    left join {{ source('raw', 'fact_sales') }} as history
        on changed.origin = 'history' and history.orderid = changed.source_id
    left join {{ ref('fact_sales') }} as fact
        on fact.sale_key = changed.source_id::numeric * 2 + case changed.origin when 'shop' then 1 else 0 end
    where coalesce(shop._batch, history._batch, 0) <= {{ built_batch('fact_sales') }}
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
    and {{ audited('fact_sales') }} < 0
union all
select
    origin,
    count(*) filter (where is_landed),
    count(*) filter (where is_in_fact),
    coalesce(sum(landed) filter (where is_landed), 0),
    coalesce(sum(amount) filter (where is_in_fact), 0)
from compared
where {{ audited('fact_sales') }} >= 0
group by origin
having bool_or(is_landed <> is_in_fact or (is_landed and landed is distinct from amount))
