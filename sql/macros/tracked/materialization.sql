{#-
    The materialization of star and reports: a table that is made from the model's contract (columns, primary and
    foreign keys, comments), changed in place and never dropped, since others refer to it. A model without a contract
    has the columns of its query, and `unique_key` as its primary key.

    A build is one transaction. It draws a fresh batch number before it reads, whose row lock is held to the commit,
    so whatever was committed under a smaller number is visible to it and whatever comes later has a larger one. The
    number is stored as the model's watermark: `_batch > {{ since() }}` in a model's SQL finds exactly the input rows
    that changed after its last build, and `{{ changed(table, columns) }}` are these rows to be joined with others. When
    no input changed, nothing is drawn and nothing is written.

    A model that sets `scope` returns, for every value of these columns that its changed inputs touch, all rows that
    should exist, or a single row with `_deleted` when none should; `_deleted` is a column of its SQL, not of its
    contract. Without `scope` it returns everything. Rows that differ are written and stamped with the batch, rows
    that are gone become tombstones, rows that are equal are left alone. A first build, a changed model, a
    staging database with another identity and `--full-refresh` are the same with a watermark below every batch and
    all rows in scope.

    `stamps` maps a bookkeeping column to columns of the contract: it holds the batch that last changed one of
    them, or that made, deleted or brought back the row.
-#}
{% materialization tracked, adapter='postgres' %}
    {%- set table = this.incorporate(type='table') -%}
    {%- set state = tracked_state(table, sql) -%}
    {%- set written = 0 -%}

    {%- if state.is_unchanged -%}
        {%- do store_raw_result('main', message='unchanged', code='UNCHANGED', rows_affected=0) -%}
    {%- else -%}
        {%- set batch = tracked_query('select sync.next_batch() as batch').rows[0]['batch'] | int -%}
        {#- Another build may have held the number until now. -#}
        {%- set state = tracked_state(table, sql) -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- do tracked_take_columns(sql | replace(since(), '0')) -%}
        {%- if not state.is_present -%}
            {%- do tracked_create(table) -%}
        {%- elif state.is_full -%}
            {%- do tracked_align(table) -%}
        {%- endif -%}

        {%- do tracked_fill_delta(table, tracked_since(sql, state.watermark)) -%}
        {%- set is_bulk = tracked_new_rows() > state.total -%}
        {%- if is_bulk -%}
            {%- do tracked_release(table) -%}
        {%- endif -%}
        {%- set counts = tracked_merge(table, state, batch) -%}

        {%- if state.is_full or is_bulk -%}
            {%- do tracked_enforce(table) -%}
        {%- endif -%}
        {%- if state.is_full -%}
            {%- do persist_docs(table, model) -%}
        {%- endif -%}
        {%- set written = counts.inserted + counts.updated + counts.deleted -%}
        {%- if written * 10 > counts.total -%}
            {%- do tracked_query('analyze ' ~ table) -%}
        {%- endif -%}
        {%- do tracked_store(table, state, batch, counts) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {%- set message = '+%d ~%d -%d of %d' % (counts.inserted, counts.updated, counts.deleted, counts.total) -%}
        {%- do store_raw_result('main', message=message, code='BUILT', rows_affected=written) -%}
    {%- endif -%}

    {%- do adapter.commit() -%}
    {%- if written -%}
        {%- do tracked_query("select sync.summarize_batches('" ~ table ~ "')") -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return({'relations': [table]}) }}
{% endmaterialization %}

{#- Run a statement in the model's transaction and return its rows. -#}
{% macro tracked_query(query) %}
    {%- call statement('tracked', fetch_result=True) -%}
        {{ query }}
    {%- endcall -%}
    {{ return(load_result('tracked').table) }}
{% endmacro %}
