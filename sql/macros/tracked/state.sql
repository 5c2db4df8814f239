{#- What the materialization `tracked` remembers of each model, in the database whose tables it speaks of. -#}

{#- For on-run-start. Asks first, since setting even the same comment again is a write. -#}
{% macro tracked_prepare() %}
    do $$
    begin
        if to_regclass('sync.models') is null then
            create table sync.models (
                model text primary key,
                batch bigint not null,
                identity uuid not null,
                fingerprint text not null,
                inserted bigint not null,
                updated bigint not null,
                deleted bigint not null,
                total bigint not null,
                built_at timestamptz not null,
                audited_batch bigint
            );
            comment on table sync.models is 'One row a model: its watermark and what its last build wrote';
            comment on column sync.models.audited_batch is 'The watermark whose build passed all of its tests';
        elsif not exists (
            select from pg_attribute where attrelid = 'sync.models'::regclass and attname = 'audited_batch'
        ) then
            alter table sync.models add audited_batch bigint;
            comment on column sync.models.audited_batch is 'The watermark whose build passed all of its tests';
        end if;
    end
    $$
{% endmacro %}

{#- The tables that the model reads. -#}
{% macro tracked_inputs() %}
    {%- set inputs = [] -%}
    {%- for id in model.depends_on.nodes -%}
        {%- set node = graph.sources[id] if id in graph.sources else graph.nodes[id] -%}
        {%- do inputs.append(node.relation_name) -%}
    {%- endfor -%}
    {{ return(inputs) }}
{% endmacro %}

{#- Changes with everything that decides what the table holds and how it is made. -#}
{% macro tracked_fingerprint(sql) %}
    {%- set shape = [model.columns, model.constraints, config.get('scope'), config.get('stamps'), config.get('indexes')] -%}
    {{ return(local_md5(sql ~ tojson(shape))) }}
{% endmacro %}

{#- Where the model stands, before any number is drawn:
    is_unchanged  nothing to do
    is_present    the table is there
    is_full       all rows are in question, watermark is below every batch -#}
{% macro tracked_state(table, sql) %}
    {%- set fingerprint = tracked_fingerprint(sql) -%}
    {%- set row = tracked_query(tracked_state_query(table)).rows[0] -%}
    {%- set is_full = (
        should_full_refresh() or not row['is_present'] or row['batch'] is none
        or row['fingerprint'] != fingerprint or row['built_in'] != row['identity']
    ) -%}
    {{ return({
        'is_present': row['is_present'],
        'is_full': is_full,
        'is_unchanged': not is_full and row['newest'] <= row['batch'],
        'watermark': -1 if is_full else row['batch'] | int,
        'total': (row['total'] or 0) | int,
        'identity': row['identity'],
        'fingerprint': fingerprint,
    }) }}
{% endmacro %}

{% macro tracked_state_query(table) %}
    select
        to_regclass('{{ table }}') is not null as is_present,
        identity.id::text as identity,
        models.identity::text as built_in,
        models.fingerprint,
        models.batch,
        models.total,
        greatest(0
            {%- for input in tracked_inputs() %}, (select max(_batch) from {{ input }}){% endfor -%}
        ) as newest
    from sync.identity
    left join sync.models on models.model = '{{ model.name }}'
{% endmacro %}

{% macro tracked_store(state, batch, counts) %}
    {%- call statement('store') -%}
        insert into sync.models (
            model, batch, identity, fingerprint, inserted, updated, deleted, total, built_at
        )
        values (
            '{{ model.name }}', {{ batch }}, '{{ state.identity }}', '{{ state.fingerprint }}',
            {{ counts.inserted }}, {{ counts.updated }}, {{ counts.deleted }}, {{ counts.total }}, clock_timestamp()
        )
        on conflict (model) do update set
            batch = excluded.batch, identity = excluded.identity, fingerprint = excluded.fingerprint,
            inserted = excluded.inserted, updated = excluded.updated, deleted = excluded.deleted,
            total = excluded.total, built_at = excluded.built_at
    {%- endcall -%}
{% endmacro %}
