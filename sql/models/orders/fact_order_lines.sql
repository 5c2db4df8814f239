{{ config(
    scope=['order_number', 'line_number'],
    indexes=[{'columns': ['customer_key']}, {'columns': ['product_key']}],
) }}

with touched as (
    select order_number, line_number
    from {{ changed(source('raw', 'order_lines'), ['order_number', 'line_number']) }} as line
    {%- for dimension, member in [
        (ref('dim_order_customer'), 'customer_name'), (ref('dim_order_product'), 'product_code'),
    ] %}
    union
    select line.order_number, line.line_number
    from {{ changed(dimension, [member]) }} as version
    inner join {{ source('raw', 'order_lines') }} as line on line.{{ member }} = version.{{ member }}
    where line._batch <= {{ since() }}
    {%- endfor %}
)

select
    line.order_number,
    line.line_number,
    line.ordered_at::date as order_date,
    -- An order without a date, or a line without a customer or product, is the Unknown member's.
    coalesce(customer.customer_key, 0) as customer_key,
    coalesce(product.product_key, 0) as product_key,
    line.status,
    line.quantity,
    line.price,
    line.sales,
    line._deleted
from {{ source('raw', 'order_lines') }} as line
inner join touched on touched.order_number = line.order_number and touched.line_number = line.line_number
left join {{ ref('dim_order_customer') }} as customer
    on customer.customer_name = line.customer_name
    and not customer._deleted
    and {{ ordered_on('line.ordered_at') }} >= customer.valid_from
    and {{ ordered_on('line.ordered_at') }} < coalesce(customer.valid_to, 'infinity')
left join {{ ref('dim_order_product') }} as product
    on product.product_code = line.product_code
    and not product._deleted
    and {{ ordered_on('line.ordered_at') }} >= product.valid_from
    and {{ ordered_on('line.ordered_at') }} < coalesce(product.valid_to, 'infinity')
