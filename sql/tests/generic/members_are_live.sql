{#- No live sale refers to a member that is a tombstone. (That the member exists is the foreign key's word.) -#}
{% test members_are_live(model) %}
{%- for dimension in ['date', 'country', 'category', 'product', 'customer'] %}
{%- set key = dimension ~ '_key' %}
select sale.sale_key, '{{ key }}' as refers_by, sale.{{ key }}::bigint as refers_to
from {{ ref('dim_' ~ dimension) }} as member
inner join {{ model }} as sale on sale.{{ key }} = member.{{ key }}
where member._deleted and not sale._deleted
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endtest %}
