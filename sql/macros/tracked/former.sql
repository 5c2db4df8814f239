{#-
    What a row was before it changed, for the aggregates over the table: `former` names the columns by which these group
    its rows. Beside the table stands `<table>__former` with the values that rows have left, and the batch that moved
    them. A row that came, or whose other columns changed, is found by its own batch.
-#}
{% macro tracked_keep_former(table, state, batch) %}
    {%- set columns = config.get('former') -%}
    {%- if columns -%}
        {%- if not tracked_query("select to_regclass('" ~ former(table) ~ "') is not null as is_there").rows[0]['is_there'] -%}
            {%- call statement('former_table') -%}
                create table {{ former(table) }} as
                select {{ tracked_list(columns) }}, _batch from {{ table }} with no data
            {%- endcall -%}
        {%- endif -%}
        {%- if state.is_present -%}
            {%- call statement('former') -%}
                insert into {{ former(table) }} ({{ tracked_list(columns) }}, _batch)
                select distinct {{ tracked_list(columns, 'held.') }}, {{ batch }}
                from {{ tracked_delta() }} as delta
                inner join {{ table }} as held on {{ tracked_key_matches() }}
                where not delta._deleted and {{ tracked_differs(columns) }}
            {%- endcall -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- The table beside a tracked one that holds what its rows were. -#}
{% macro former(table) -%}
    {{ adapter.quote(table.schema) }}.{{ adapter.quote(table.identifier ~ '__former') }}
{%- endmacro %}

{#- For a post-hook: forget what all of these aggregates have taken in. -#}
{% macro forget_former(table, aggregates) %}
    delete from {{ former(table) }}
    where _batch <= (select min(batch) from sync.models where model in ('{{ aggregates | join("', '") }}'))
{% endmacro %}
