{%- set attributes = ['product_line', 'list_price'] -%}
{{ config(
    scope=['product_code'],
    indexes=[{'columns': ['product_code']}],
    pre_hook="{{ ensure_index(source('raw', 'order_lines'), 'product_code') }}",
) }}

with
{{ order_versions('product_code', attributes) }}

select
    {{ version_key('member', 'valid_from') }} as product_key,
    member as product_code,
    {{ attributes | join(', ') }},
    valid_from,
    valid_to,
    valid_to is null as is_current,
    is_missing as _deleted
from members
union all
select 0, null, null, null, timestamptz '{{ var("beginning") }}', null, true, false
