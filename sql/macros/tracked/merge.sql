{#- The difference between what the model says and what its table holds, written and counted. -#}

{% macro tracked_delta() -%}
    pg_temp.{{ adapter.quote(model.name ~ '__delta') }}
{%- endmacro %}

{#- The columns as `prefix."a", prefix."b"`. -#}
{% macro tracked_list(columns, prefix='') -%}
    {%- for column in columns -%}
        {{ prefix ~ adapter.quote(column) }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro tracked_known() -%}
    pg_temp.{{ adapter.quote(model.name ~ '__known') }}
{%- endmacro %}

{#- What the model returns for the watermark, in the types of its contract, and which of it the table knows. The
    latter is told before anything is written: an anti-join with the table would be planned for the table as it was
    and might scan it as it grows. -#}
{% macro tracked_fill_delta(table, sql) %}
    {%- set delta = tracked_delta() -%}
    {%- set key = tracked_list(tracked_key()) -%}
    {%- call statement('delta') -%}
        create temporary table {{ adapter.quote(model.name ~ '__delta') }} on commit drop as
        select
            {% for column in model.columns.values() -%}
            {{ adapter.quote(column.name) }}::{{ column.data_type }},
            {% endfor -%}
            {{ '_deleted' if config.get('scope') else 'false as _deleted' }}
        from (
            {{ sql }}
        ) as model
    {%- endcall -%}
    {#- Two rows of one key are an error that names the key, not a row too few. -#}
    {%- do tracked_query('create unique index on ' ~ delta ~ ' (' ~ key ~ ') where not _deleted') -%}
    {%- do tracked_query('analyze ' ~ delta) -%}
    {%- call statement('known') -%}
        create temporary table {{ adapter.quote(model.name ~ '__known') }} on commit drop as
        select {{ tracked_list(tracked_key(), 'held.') }}
        from {{ delta }} as delta
        inner join {{ table }} as held on {{ tracked_key_matches() }}
        where not delta._deleted
    {%- endcall -%}
    {%- do tracked_query('analyze ' ~ tracked_known()) -%}
{% endmacro %}

{% macro tracked_new_rows() %}
    {%- set query -%}
        select
            (select count(*) from {{ tracked_delta() }} where not _deleted)
            - (select count(*) from {{ tracked_known() }}) as rows
    {%- endset -%}
    {{ return(tracked_query(query).rows[0]['rows'] | int) }}
{% endmacro %}

{#- Returns {inserted, updated, deleted, total}; a row that comes back counts as inserted. -#}
{% macro tracked_merge(table, state, batch) %}
    {%- if state.is_present and state.is_full -%}
        {%- do tracked_renumber(table, batch) -%}
    {%- endif -%}
    {%- do tracked_keep_former(table, state, batch) -%}
    {%- set deleted = tracked_count(tracked_delete_query(table, state, batch)) -%}
    {%- set updated = tracked_count(tracked_update_query(table, batch)) -%}
    {%- set returned = tracked_count(tracked_return_query(table, batch)) -%}
    {%- set inserted = returned + tracked_count(tracked_insert_query(table, batch)) -%}
    {%- if state.is_full -%}
        {%- set live = 'select count(*) as rows from ' ~ table ~ ' where not _deleted' -%}
        {%- set total = tracked_query(live).rows[0]['rows'] | int -%}
    {%- else -%}
        {%- set total = state.total + inserted - deleted -%}
    {%- endif -%}
    {{ return({'inserted': inserted, 'updated': updated, 'deleted': deleted, 'total': total}) }}
{% endmacro %}

{#- In a database whose identity changed, rows may carry numbers that it has yet to draw. -#}
{% macro tracked_renumber(table, batch) %}
    {%- call statement('renumber') -%}
        update {{ table }} set _batch = {{ batch }}{{ tracked_stamp_all(batch) }} where _batch > {{ batch }}
    {%- endcall -%}
    {%- call statement('renumber_newest') -%}
        select sync.store_batch('{{ table }}', {{ batch }}) where sync.table_batch('{{ table }}') > {{ batch }}
    {%- endcall -%}
{% endmacro %}

{#- Run a writing statement and return how many rows it wrote. -#}
{% macro tracked_count(query) %}
    {%- set counting = 'with written as (' ~ query ~ ' returning 1) select count(*) as rows from written' -%}
    {{ return(tracked_query(counting).rows[0]['rows'] | int) }}
{% endmacro %}

{#- The assignments that every written row gets. -#}
{% macro tracked_stamp(batch, deleted) -%}
    _batch = {{ batch }}, _changed_at = clock_timestamp(), _deleted = {{ deleted }}
{%- endmacro %}

{% macro tracked_stamp_all(batch) -%}
    {%- for stamp in config.get('stamps', {}) %}, {{ stamp }} = {{ batch }}{% endfor -%}
{%- endmacro %}

{% macro tracked_key_matches() -%}
    {%- for column in tracked_key() -%}
        held.{{ adapter.quote(column) }} = delta.{{ adapter.quote(column) }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro tracked_differs(columns) -%}
    ({{ tracked_list(columns, 'held.') }}) is distinct from ({{ tracked_list(columns, 'delta.') }})
{%- endmacro %}

{% macro tracked_assignments() -%}
    {%- for column in tracked_values() -%}
        {{ adapter.quote(column) }} = delta.{{ adapter.quote(column) }},
    {% endfor -%}
{%- endmacro %}

{#- Rows in scope that the model no longer has. Told by EXCEPT: of an anti-join the server expects that hardly a row
    is left, and then loops over the delta for each of them. -#}
{% macro tracked_delete_query(table, state, batch) %}
    {%- set scope = config.get('scope') %}
    update {{ table }} as held
    set {{ tracked_stamp(batch, true) }}{{ tracked_stamp_all(batch) }}
    from (
        select {{ tracked_list(tracked_key(), 'held.') }}
        from {{ table }} as held
        {%- if scope and not state.is_full %}
        inner join (select distinct {{ tracked_list(scope) }} from {{ tracked_delta() }}) as touched
            using ({{ tracked_list(scope) }})
        {%- endif %}
        where not held._deleted
        except
        select {{ tracked_list(tracked_key()) }} from {{ tracked_delta() }} where not _deleted
    ) as delta
    where {{ tracked_key_matches() }}
{% endmacro %}

{#- Rows that are there and differ. -#}
{% macro tracked_update_query(table, batch) %}
    update {{ table }} as held
    set {{ tracked_assignments() }}
        {%- for stamp, columns in config.get('stamps', {}).items() %}
        {{ stamp }} = case when {{ tracked_differs(columns) }} then {{ batch }} else held.{{ stamp }} end,
        {%- endfor %}
        {{ tracked_stamp(batch, false) }}
    from {{ tracked_delta() }} as delta
    where {{ tracked_key_matches() }} and not delta._deleted and not held._deleted
        and {{ tracked_differs(tracked_values()) }}
{% endmacro %}

{#- Rows that were deleted and are back. -#}
{% macro tracked_return_query(table, batch) %}
    update {{ table }} as held
    set {{ tracked_assignments() }} {{ tracked_stamp(batch, false) }}{{ tracked_stamp_all(batch) }}
    from {{ tracked_delta() }} as delta
    where {{ tracked_key_matches() }} and not delta._deleted and held._deleted
{% endmacro %}

{% macro tracked_insert_query(table, batch) %}
    {%- set columns = model.columns.keys() | list %}
    {%- set stamps = config.get('stamps', {}).keys() | list %}
    insert into {{ table }} ({{ tracked_list(columns + stamps + ['_batch', '_changed_at', '_deleted']) }})
    select
        {{ tracked_list(columns) }},
        {% for stamp in stamps %}{{ batch }}, {% endfor %}{{ batch }}, clock_timestamp(), false
    from {{ tracked_delta() }} as delta
    where not _deleted
        and not exists (select from {{ tracked_known() }} as held where {{ tracked_key_matches() }})
{% endmacro %}
