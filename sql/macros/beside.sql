{#-
    A table that a test reads and no model does, named without becoming a dependency: dbt lets a failed test hold back
    only those models that depend on everything that the test depends on.
-#}
{% macro beside(schema, table) -%}
    {{ adapter.quote(schema) }}.{{ adapter.quote(table) }}
{%- endmacro %}

{#- The batch that a model was last built in, as a scalar, for a test that leaves out what changed since. -#}
{% macro built_batch(model) -%}
    (select batch from {{ beside('sync', 'models') }} where model = '{{ model }}')
{%- endmacro %}
