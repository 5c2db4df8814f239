{#-
    What every model does that is not `tracked`, as a pre- and a post-hook: its build draws a batch and is noted in
    sync.models with it. So a build that has nothing new to read is left out, and whoever reads the model is behind it.
-#}
{% macro untracked_begin() %}
    {%- if config.get('materialized') != 'tracked' -%}
        select sync.next_batch()
    {%- endif -%}
{% endmacro %}

{% macro untracked_end() %}
    {%- if config.get('materialized') != 'tracked' -%}
        insert into sync.models (
            model, relation, batch, identity, fingerprint, inserted, updated, deleted, total, built_at
        )
        select
            '{{ this.identifier }}',
            '{{ this.include(database=false) }}',
            batch.last,
            identity.id,
            '',
            0, 0, 0,
            {{ 'null' if config.get('materialized') == 'view' else '(select count(*) from ' ~ this ~ ')' }},
            clock_timestamp()
        from sync.batch
        cross join sync.identity
        on conflict (model) do update set
            relation = excluded.relation, batch = excluded.batch, identity = excluded.identity,
            fingerprint = excluded.fingerprint, version = null, inserted = 0, updated = 0, deleted = 0,
            total = excluded.total, built_at = excluded.built_at
    {%- endif -%}
{% endmacro %}

{#- Without a database, as when lineage is read, nobody can say what is there. -#}
{% macro is_incremental() %}
    {{ return(flags.INTROSPECT is not sameas false and dbt.is_incremental()) }}
{% endmacro %}
