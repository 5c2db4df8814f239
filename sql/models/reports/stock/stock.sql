{#- The last 28 days are those up to the day of the newest sale: the same data says the same tomorrow. -#}
{%- set days = 28 -%}
{%- set from_date = "date '" ~ var('calendar_from_year') ~ "-01-01'" -%}
{%- set before_date = "date '" ~ (run_started_at.year + var('calendar_years_ahead') + 1) ~ "-01-01'" %}

with newest as (
    select max("timestamp")::date as date
    from {{ source('raw', 'sales_data') }}
    where not _deleted and "timestamp" >= {{ from_date }} and "timestamp" < {{ before_date }}
),

{#- By the index on the time, which the calendar keeps, only these days are read. #}
sold as (
    select product_id, sum(quantity) as pieces
    from {{ source('raw', 'sales_data') }}
    where
        not _deleted
        and "timestamp" >= (select date - {{ days - 1 }} from newest)
        and "timestamp" < (select date + 1 from newest)
    group by product_id
),

product as (
    select distinct on (product_id) product_id, model, category
    from {{ ref('dim_product') }}
    where not _deleted and product_id is not null
    order by product_id, valid_from desc
)

select
    {{ surrogate_key(['inventory.product_id']) }} as report_key,
    inventory.product_id,
    product.model as product,
    product.category,
    inventory.quantity,
    inventory.reorder_level,
    coalesce(sold.pieces, 0) as sold_last_28_days,
    case when sold.pieces > 0 then round(inventory.quantity * {{ days }}.0 / sold.pieces, 1) end as days_left,
    inventory.quantity < inventory.reorder_level as below_reorder_level
from {{ source('raw', 'inventory') }} as inventory
left join sold using (product_id)
left join product using (product_id)
where not inventory._deleted
