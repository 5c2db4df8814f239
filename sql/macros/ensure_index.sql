{#-
    For a pre-hook: an index on a table that the synchronisation owns, which this project reads by that column.
    Made only when it is missing, since even `if not exists` would keep writers out until the commit.
-#}
{% macro ensure_index(table, column) %}
    {%- if execute -%}
        {%- set name = table.identifier ~ '_' ~ column ~ '_star_idx' -%}
        {%- set is_present = "select to_regclass('" ~ table.schema ~ "." ~ name ~ "') is not null as is_present" -%}
        {%- if not tracked_query(is_present).rows[0]['is_present'] -%}
            create index {{ adapter.quote(name) }} on {{ table }} ({{ adapter.quote(column) }})
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
