{%- set attributes = [
    'phone', 'address_line_1', 'address_line_2', 'city', 'state', 'postal_code', 'country', 'territory',
    'contact_last_name', 'contact_first_name',
] -%}
{{ config(
    scope=['customer_name'],
    indexes=[{'columns': ['customer_name']}],
    pre_hook="{{ ensure_index(source('raw', 'order_lines'), 'customer_name') }}",
) }}

with
{{ order_versions('customer_name', attributes) }}

select
    {{ version_key('member', 'valid_from') }} as customer_key,
    member as customer_name,
    {{ attributes | join(', ') }},
    valid_from,
    valid_to,
    valid_to is null as is_current,
    is_missing as _deleted
from members
union all
select
    0, null,
    {% for attribute in attributes %}null, {% endfor %}
    timestamptz '{{ var("beginning") }}', null, true, false
