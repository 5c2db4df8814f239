{#- The table itself: made from the contract, kept in line with it, never dropped. -#}

{#- The columns of the primary key: of the contract, or what is configured as `unique_key`. -#}
{% macro tracked_key() %}
    {{ return(tracked_key_of(model)) }}
{% endmacro %}

{% macro tracked_key_of(node) %}
    {%- set keys = node.constraints | selectattr('type', 'equalto', 'primary_key') | list -%}
    {%- set configured = node.config.unique_key -%}
    {%- if keys -%}
        {{ return(keys[0].columns) }}
    {%- elif configured -%}
        {{ return([configured] if configured is string else configured) }}
    {%- endif -%}
    {%- do exceptions.raise_compiler_error(node.name ~ ' is tracked: give it a unique_key, or a constraint of type primary_key in its schema.yml') -%}
{% endmacro %}

{#- Take the columns of a model that declares none from its query, which so must not read the model itself. -#}
{% macro tracked_take_columns(sql) %}
    {%- if not model.columns -%}
        {%- set shape = adapter.quote(model.name ~ '__shape') -%}
        {%- call statement('shape') -%}
            create temporary table {{ shape }} on commit drop as
            select * from ({{ sql }}) as model with no data
        {%- endcall -%}
        {%- set columns -%}
            select attname as name, format_type(atttypid, atttypmod) as data_type
            from pg_attribute
            where attrelid = 'pg_temp.{{ shape }}'::regclass and attnum > 0 and attname <> '_deleted'
            order by attnum
        {%- endset -%}
        {%- for row in tracked_query(columns).rows -%}
            {%- do model.columns.update({row['name']: {'name': row['name'], 'data_type': row['data_type'], 'description': '', 'constraints': []}}) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#- The columns that are not of the key. -#}
{% macro tracked_values() %}
    {{ return(model.columns.keys() | reject('in', tracked_key()) | list) }}
{% endmacro %}

{#- Name and type of every column, the bookkeeping ones last. -#}
{% macro tracked_definitions() -%}
    {%- for column in model.columns.values() -%}
        {{ adapter.quote(column.name) }} {{ column.data_type }},
    {% endfor -%}
    {%- for stamp in config.get('stamps', {}) -%}
        {{ adapter.quote(stamp) }} bigint,
    {% endfor -%}
    _batch bigint, _changed_at timestamptz, _deleted boolean
{%- endmacro %}

{#- Without constraints and indexes: `tracked_enforce` adds them when the rows are there, which is faster. -#}
{% macro tracked_create(table) %}
    {%- call statement('create') -%}
        create table {{ table }} ({{ tracked_definitions() }})
    {%- endcall -%}
{% endmacro %}

{#- Follow a contract that changed: columns added, dropped or given another type. -#}
{% macro tracked_align(table) %}
    {%- set wanted = adapter.quote(model.name ~ '__wanted') -%}
    {%- call statement('wanted') -%}
        create temporary table {{ wanted }} ({{ tracked_definitions() }}) on commit drop
    {%- endcall -%}
    {%- for row in tracked_query(tracked_changed_columns_query(table, 'pg_temp.' ~ wanted)).rows -%}
        {%- set column = adapter.quote(row['name']) -%}
        {%- if row['held'] is none -%}
            {%- do tracked_alter(table, 'add column ' ~ column ~ ' ' ~ row['wanted']) -%}
        {%- elif row['wanted'] is none -%}
            {%- do tracked_alter(table, 'drop column ' ~ column) -%}
        {%- else -%}
            {%- do tracked_alter(table, 'alter column ' ~ column ~ ' type ' ~ row['wanted'] ~ ' using ' ~ column ~ '::' ~ row['wanted']) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}

{% macro tracked_changed_columns_query(table, wanted) %}
    with columns as (
        select attrelid, attname as name, format_type(atttypid, atttypmod) as type
        from pg_attribute
        where attnum > 0 and not attisdropped
    )
    select name, held.type as held, wanted.type as wanted
    from (select * from columns where attrelid = '{{ table }}'::regclass) as held
    full join (select * from columns where attrelid = '{{ wanted }}'::regclass) as wanted using (name)
    where held.type is distinct from wanted.type
{% endmacro %}

{% macro tracked_alter(table, change) %}
    {%- call statement('alter') -%}
        alter table {{ table }} {{ change }}
    {%- endcall -%}
{% endmacro %}

{#- Take the foreign keys away for a bulk of new rows: checked once by `tracked_enforce`, they cost a fraction. -#}
{% macro tracked_release(table) %}
    {%- set changes = [] -%}
    {%- for name in tracked_query(tracked_constraints_query(table, ['f'])).columns['name'].values() -%}
        {%- do changes.append('drop constraint ' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- if changes -%}
        {%- do tracked_alter(table, changes | join(', ')) -%}
    {%- endif -%}
{% endmacro %}

{#- Make the constraints and indexes of the contract real; those that are there stay, others go. -#}
{% macro tracked_enforce(table) %}
    {%- set held = tracked_query(tracked_constraints_query(table, ['p', 'u', 'f', 'c'])).columns['name'].values() | list -%}
    {%- set wanted = tracked_constraints(model) -%}
    {%- set changes = [] -%}
    {%- for name in held if name not in wanted -%}
        {%- do changes.append('drop constraint ' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- for name, definition in wanted.items() if name not in held -%}
        {%- do changes.append('add constraint ' ~ adapter.quote(name) ~ ' ' ~ definition) -%}
    {%- endfor -%}
    {%- for column in tracked_fillable_columns(table) -%}
        {%- do changes.append('alter column ' ~ adapter.quote(column) ~ ' set not null') -%}
    {%- endfor -%}
    {%- if changes -%}
        {%- do tracked_alter(table, changes | join(', ')) -%}
    {%- endif -%}
    {%- do tracked_query("select sync.index_batches('" ~ table ~ "')") -%}
    {%- for columns in tracked_indexed_columns() -%}
        {%- set name = adapter.quote(model.name ~ '_' ~ columns | join('_') ~ '_idx') -%}
        {%- do tracked_query('create index if not exists ' ~ name ~ ' on ' ~ table ~ ' (' ~ tracked_list(columns) ~ ')') -%}
    {%- endfor -%}
{% endmacro %}

{% macro tracked_constraints_query(table, types) %}
    select conname as name
    from pg_constraint
    where conrelid = '{{ table }}'::regclass and contype in ('{{ types | join("', '") }}')
{% endmacro %}

{#- The constraints in the contract of a model's node as {name: definition}. -#}
{% macro tracked_constraints(node) %}
    {%- set key = tracked_key_of(node) -%}
    {%- set wanted = {node.name ~ '_' ~ key | join('_') ~ '_pkey': 'primary key (' ~ tracked_list(key) ~ ')'} -%}
    {%- for constraint in node.constraints if constraint.type != 'primary_key' -%}
        {%- set columns = constraint.columns | join('_') -%}
        {%- set listed = '(' ~ tracked_list(constraint.columns) ~ ')' -%}
        {%- if constraint.type == 'foreign_key' -%}
            {%- set target = constraint.to ~ ' (' ~ tracked_list(constraint.to_columns) ~ ')' -%}
            {%- do wanted.update({node.name ~ '_' ~ columns ~ '_fkey': 'foreign key ' ~ listed ~ ' references ' ~ target}) -%}
        {%- elif constraint.type == 'check' -%}
            {%- do wanted.update({node.name ~ '_' ~ constraint.name ~ '_check': 'check (' ~ constraint.expression ~ ')'}) -%}
        {%- else -%}
            {%- do exceptions.raise_compiler_error(node.name ~ ': constraint type ' ~ constraint.type ~ ' is not supported') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(wanted) }}
{% endmacro %}

{% macro tracked_required_columns() %}
    {%- set required = config.get('stamps', {}).keys() | list + ['_batch', '_changed_at', '_deleted'] -%}
    {%- for column in model.columns.values() if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
        {%- do required.append(column.name) -%}
    {%- endfor -%}
    {{ return(required) }}
{% endmacro %}

{#- The columns that are NOT NULL by the contract, without those that were added since and are empty in tombstones
    only: a tombstone keeps what it had. -#}
{% macro tracked_fillable_columns(table) %}
    {%- set required = tracked_required_columns() -%}
    {%- set gaps -%}
        select
            {%- for column in required %}
            count(*) filter (where {{ adapter.quote(column) }} is null and _deleted) > 0
                and count(*) filter (where {{ adapter.quote(column) }} is null and not _deleted) = 0
                as {{ adapter.quote(column) }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ table }}
    {%- endset -%}
    {%- set row = tracked_query(gaps).rows[0] -%}
    {%- set fillable = [] -%}
    {%- for column in required if not row[column] -%}
        {%- do fillable.append(column) -%}
    {%- endfor -%}
    {{ return(fillable) }}
{% endmacro %}

{% macro tracked_indexed_columns() %}
    {%- set indexed = [] -%}
    {%- for index in config.get('indexes', []) -%}
        {%- do indexed.append(index.columns) -%}
    {%- endfor -%}
    {{ return(indexed) }}
{% endmacro %}
