{{ config(
    scope=['sale_key'],
    indexes=[
        {'columns': ['product_key']},
        {'columns': ['customer_key']},
        {'columns': ['date_key', 'country_key', 'category_key']},
    ],
    former=['date_key', 'country_key', 'category_key', 'product_key'],
) }}

{%- set sales = source('raw', 'sales_data') -%}
{%- set history = source('raw', 'fact_sales') -%}
{%- set sold_at = "(\"timestamp\" at time zone '" ~ var('timezone') ~ "')" %}

with touched as (
    select rowid
    from {{ changed(sales, ['rowid']) }} as sale
    {%- for dimension, member in [(ref('dim_product'), 'product_id'), (ref('dim_customer'), 'customer_id')] %}
    union
    -- A version can only move sales from its beginning on.
    select sale.rowid
    from {{ changed(dimension, [member, 'valid_from'], '_sales_batch') }} as version
    inner join {{ sales }} as sale on sale.{{ member }} = version.{{ member }}
    where sale._batch <= {{ since() }}
        and (
            version.valid_from = timestamptz '{{ var("beginning") }}'
            or coalesce({{ sold_at }}, 'infinity') >= version.valid_from
        )
    {%- endfor %}
    union
    select sale.rowid
    from {{ changed(ref('dim_date'), ['date']) }} as calendar
    inner join {{ sales }} as sale on sale."timestamp"::date = calendar.date
    where sale._batch <= {{ since() }}
),

sale as (
    select
        sale.*,
        {{ sold_at }} as sold_at,
        -- A sale without a time goes to the member as it is now.
        coalesce({{ sold_at }}, 'infinity') as known_at
    from {{ sales }} as sale
    where rowid in (select rowid from touched)
),

-- Before its first version and while a member is deleted, the nearest version stands in: the one before, else the
-- first one after.
product as (
    select
        product_id,
        product_key,
        {{ name_key('category') }} as category_key,
        case when lag(valid_from) over earlier is null then '-infinity' else valid_from end as sold_from,
        lead(valid_from) over earlier as sold_before
    from {{ ref('dim_product') }}
    where not _deleted and product_id in (select product_id from sale)
    window earlier as (partition by product_id order by valid_from)
),

customer as (
    select
        customer_id,
        customer_key,
        {{ name_key('country') }} as country_key,
        case when lag(valid_from) over earlier is null then '-infinity' else valid_from end as sold_from,
        lead(valid_from) over earlier as sold_before
    from {{ ref('dim_customer') }}
    where not _deleted and customer_id in (select customer_id from sale)
    window earlier as (partition by customer_id order by valid_from)
),

-- Landed ids by the members that they stand for.
landed_date as (
    select
        landed.dateid,
        case when not (landed._deleted or calendar._deleted) then calendar.date_key end as date_key
    from {{ source('raw', 'dim_date') }} as landed
    left join {{ ref('dim_date') }} as calendar on calendar.date = landed.date
),

landed_country as (
    select
        landed.countryid,
        case when not (landed._deleted or country._deleted) then country.country_key end as country_key
    from {{ source('raw', 'dim_country') }} as landed
    left join {{ ref('dim_country') }} as country on country.country_key = {{ name_key('landed.country') }}
),

landed_category as (
    select
        landed.categoryid,
        case when not (landed._deleted or category._deleted) then category.category_key end as category_key
    from {{ source('raw', 'dim_category') }} as landed
    left join {{ ref('dim_category') }} as category on category.category_key = {{ name_key('landed.category') }}
),

touched_history as (
    select orderid
    from {{ changed(history, ['orderid']) }} as sale
    {%- for landed, id in [
        (source('raw', 'dim_date'), 'dateid'),
        (source('raw', 'dim_country'), 'countryid'),
        (source('raw', 'dim_category'), 'categoryid'),
    ] %}
    union
    select sale.orderid
    from {{ changed(landed, [id]) }} as landed
    inner join {{ history }} as sale on sale.{{ id }} = landed.{{ id }}
    where sale._batch <= {{ since() }}
    {%- endfor %}
    {%- for member, column, landed, matches, id in [
        (ref('dim_date'), 'date', source('raw', 'dim_date'), 'member.date = landed.date', 'dateid'),
        (
            ref('dim_country'), 'country_key', source('raw', 'dim_country'),
            'member.country_key = ' ~ name_key('landed.country'), 'countryid',
        ),
        (
            ref('dim_category'), 'category_key', source('raw', 'dim_category'),
            'member.category_key = ' ~ name_key('landed.category'), 'categoryid',
        ),
    ] %}
    union
    select sale.orderid
    from {{ changed(member, [column]) }} as member
    inner join {{ landed }} as landed on {{ matches }}
    inner join {{ history }} as sale on sale.{{ id }} = landed.{{ id }}
    where sale._batch <= {{ since() }}
    {%- endfor %}
)

select
    -- Twice the largest bigint is none.
    rowid::numeric * 2 + 1 as sale_key,
    'shop' as origin,
    rowid as source_id,
    coalesce(calendar.date_key, 0) as date_key,
    coalesce(customer.country_key, 0) as country_key,
    coalesce(product.category_key, 0) as category_key,
    coalesce(product.product_key, 0) as product_key,
    coalesce(customer.customer_key, 0) as customer_key,
    sale.quantity,
    sale.price,
    sale.price * sale.quantity as amount,
    sale.sold_at,
    sale._deleted
from sale
left join {{ ref('dim_date') }} as calendar
    on calendar.date = sale."timestamp"::date and not calendar._deleted
left join product
    on product.product_id = sale.product_id
    and sale.known_at >= product.sold_from
    and (product.sold_before is null or sale.known_at < product.sold_before)
left join customer
    on customer.customer_id = sale.customer_id
    and sale.known_at >= customer.sold_from
    and (customer.sold_before is null or sale.known_at < customer.sold_before)
union all
select
    orderid::numeric * 2,
    'history',
    orderid,
    coalesce(landed_date.date_key, 0),
    coalesce(landed_country.country_key, 0),
    coalesce(landed_category.category_key, 0),
    0,
    0,
    null,
    null,
    sale.amount,
    null,
    sale._deleted
from {{ history }} as sale
left join landed_date on landed_date.dateid = sale.dateid
left join landed_country on landed_country.countryid = sale.countryid
left join landed_category on landed_category.categoryid = sale.categoryid
where orderid in (select orderid from touched_history)
