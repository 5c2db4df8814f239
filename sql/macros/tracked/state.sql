{#- What the materialization `tracked` remembers of each model, in the database whose tables it speaks of. -#}

{#- The tables that the model reads. -#}
{% macro tracked_inputs() %}
    {{ return(tracked_inputs_of(model)) }}
{% endmacro %}

{#- An ephemeral model is no table: what it reads is read. -#}
{% macro tracked_inputs_of(reading) %}
    {%- set inputs = [] -%}
    {%- for id in reading.depends_on.nodes -%}
        {%- set node = graph.sources[id] if id in graph.sources else graph.nodes[id] -%}
        {%- if node.resource_type == 'model' and node.config.materialized == 'ephemeral' -%}
            {%- do inputs.extend(tracked_inputs_of(node)) -%}
        {%- else -%}
            {%- do inputs.append(node.relation_name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(inputs) }}
{% endmacro %}

{#- Changes with everything that decides what the table holds and how it is made. -#}
{% macro tracked_fingerprint(sql) %}
    {%- set shape = [model.columns, model.constraints, config.get('scope'), config.get('stamps'), config.get('indexes')] -%}
    {%- if config.get('former') -%}
        {%- do shape.append(config.get('former')) -%}
    {%- endif -%}
    {%- if not model.constraints -%}
        {%- do shape.append(config.get('unique_key')) -%}
    {%- endif -%}
    {{ return(local_md5(sql ~ tojson(shape))) }}
{% endmacro %}

{#- Where the model stands, before any number is drawn:
    is_unchanged  nothing to do
    is_present    the table is there
    is_full       all rows are in question, watermark is below every batch -#}
{% macro tracked_state(table, sql) %}
    {%- set fingerprint = tracked_fingerprint(sql) -%}
    {%- set row = tracked_query(tracked_state_query(table)).rows[0] -%}
    {%- set is_full = should_full_refresh() or not row['is_known'] or row['fingerprint'] != fingerprint -%}
    {{ return({
        'is_present': row['is_present'],
        'is_full': is_full,
        'is_unchanged': not is_full and not row['is_behind'],
        'watermark': -1 if is_full else row['batch'] | int,
        'total': (row['total'] or 0) | int,
        'identity': row['identity'],
        'fingerprint': fingerprint,
    }) }}
{% endmacro %}

{#- The function is of softcart_assets/dbt/state.py. -#}
{% macro tracked_state_query(table) %}
    select is_present, is_known, is_behind, fingerprint, batch, total, identity::text as identity
    from sync.model_state(
        '{{ this.identifier }}',
        '{{ table }}',
        array[{% for input in tracked_inputs() %}'{{ input }}'{{ ', ' if not loop.last }}{% endfor %}]::text[]
    )
{% endmacro %}

{% macro tracked_store(table, state, batch, counts) %}
    {%- call statement('store') -%}
        insert into sync.models (
            model, batch, identity, fingerprint, inserted, updated, deleted, total, built_at
        )
        values (
            '{{ this.identifier }}', {{ batch }}, '{{ state.identity }}', '{{ state.fingerprint }}',
            {{ counts.inserted }}, {{ counts.updated }}, {{ counts.deleted }}, {{ counts.total }}, clock_timestamp()
        )
        on conflict (model) do update set
            batch = excluded.batch, identity = excluded.identity, fingerprint = excluded.fingerprint,
            version = null, relation = null,
            inserted = excluded.inserted, updated = excluded.updated, deleted = excluded.deleted,
            total = excluded.total, built_at = excluded.built_at
        {%- if counts.inserted + counts.updated + counts.deleted %};
        select sync.store_batch('{{ table }}', {{ batch }})
        {%- endif %}
    {%- endcall -%}
{% endmacro %}
