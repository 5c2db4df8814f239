{#- No live sale refers to a member that is a tombstone. (That the member exists is the foreign key's word.) Looked at
    are the members that became one since the tests passed, and the sales that changed since. -#}
{% test members_are_live(model) %}
{%- for dimension in ['date', 'country', 'category', 'product', 'customer'] %}
{%- set key = dimension ~ '_key' %}
select sale.sale_key, '{{ key }}' as refers_by, sale.{{ key }}::bigint as refers_to
from {{ ref('dim_' ~ dimension) }} as member
inner join {{ model }} as sale on sale.{{ key }} = member.{{ key }}
where member._deleted and not sale._deleted and member._batch > {{ audited('fact_sales') }}
union all
select sale.sale_key, '{{ key }}', sale.{{ key }}::bigint
from {{ model }} as sale
inner join {{ ref('dim_' ~ dimension) }} as member on member.{{ key }} = sale.{{ key }}
where sale._batch > {{ audited('fact_sales') }} and not sale._deleted
    and member._deleted and member._batch <= {{ audited('fact_sales') }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endtest %}
