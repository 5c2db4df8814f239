{#- The contract's primary key, foreign keys and checks are constraints of the table, and validated. Cheap, whatever
    the table's size: uniqueness and references of all rows are the server's own word. -#}
{% test constraints_are_enforced(model) %}
    {%- set wanted = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.relation_name == model | string -%}
            {%- do wanted.extend(tracked_constraints(node).keys()) -%}
        {%- endfor -%}
    {%- endif %}
select wanted.name as missing_constraint
from unnest(array['{{ wanted | join("', '") }}']) as wanted (name)
left join pg_catalog.pg_constraint as held
    on held.conname = wanted.name and held.conrelid = '{{ model }}'::regclass and held.convalidated
where held.conname is null
{% endtest %}
