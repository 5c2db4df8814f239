{#-
    The members of a dimension that is known by its name: one for all spellings of `names(name, <landed_id>)` that
    differ in case or blanks only, written as the landed history writes it, and the Unknown member.
-#}
{% macro members_by_name(name, landed_id) -%}
keyed as (
    select {{ name_key('name') }} as key, name, {{ landed_id }}
    from names
)

select
    key as {{ name }}_key,
    (array_agg(name order by {{ landed_id }}, name collate "C"))[1] as {{ name }},
    min({{ landed_id }}) as {{ name }}_id
from keyed
where key <> 0
group by key
union all
select 0, 'Unknown', (select min({{ landed_id }}) from keyed where key = 0)
{%- endmacro %}
