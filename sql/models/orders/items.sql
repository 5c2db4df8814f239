{{ config(scope=['order_number', 'line_number']) }}

select
    order_number,
    line_number,
    product_code,
    quantity,
    price,
    sales,
    _deleted
from {{ source('raw', 'order_lines') }}
where _batch > {{ since() }}
