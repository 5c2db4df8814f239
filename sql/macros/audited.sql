{#-
    The batch up to which a model passed its tests, for a test that looks at what came since: `_batch > {{ audited(m) }}`.
    It is below every batch where everything is to be looked at: by a run that asks tests alone or builds from all rows,
    of a model that is small (or where `sized_by` is), and of one that never passed. It is put in as a number when the test is asked, since the
    server plans with the number.
-#}
{% macro audited(model, sized_by=none) -%}
    {{ return(':audited(' ~ model ~ '/' ~ (sized_by or model) ~ ')') }}
{%- endmacro %}

{% macro postgres__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- set known = namespace(sql=main_sql) -%}
    {%- for model, sized_by in modules.re.findall(':audited\\((\\w+)/(\\w+)\\)', main_sql) | unique -%}
        {%- set asked = "select sync.audited_batch('" ~ model ~ "', '" ~ sized_by ~ "') as batch" -%}
        {%- set batch = tracked_query(asked).rows[0]['batch'] -%}
        {%- set known.sql = known.sql | replace(audited(model, sized_by), '(' ~ batch | string ~ ')') -%}
    {%- endfor -%}
    {{ default__get_test_sql(known.sql, fail_calc, warn_if, error_if, limit) }}
{%- endmacro %}
