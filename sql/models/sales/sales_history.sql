{{ config(scope=['sale_id'], indexes=[{'columns': ['date']}]) }}

select
    sale_id,
    date,
    extract(year from date) as year,
    extract(quarter from date) as quarter,
    extract(month from date) as month,
    extract(day from date) as day,
    category,
    item,
    price,
    _deleted
from {{ source('raw', 'sales_history') }}
where _batch > {{ since() }}
