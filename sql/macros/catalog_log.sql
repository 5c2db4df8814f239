{#-
    The change logs of all collections of the catalog as one, a row an applied version of a document. `member` is
    the product that it speaks for, `attributes` the columns that tell of it. A category that is missing is the
    collection's own.
-#}
{% macro catalog_log(attributes=[]) %}
{%- for collection in var('collections') %}
select
    '{{ collection }}/' || _id as document,
    {{ catalog_member(collection) }} as member,
    product_id,
    {%- for attribute in attributes %}
    {{ "coalesce(" ~ clean_text('category') ~ ", initcap('" ~ collection ~ "')) as category" if attribute == 'category' else attribute }},
    {%- endfor %}
    _changed_at as changed_at,
    _deleted as deleted,
    _batch
from {{ source('history', collection) }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endmacro %}

{#- The product that a document of the collection speaks for: its product_id, or itself where it has none. -#}
{% macro catalog_member(collection) -%}
    coalesce(product_id::text, '{{ collection }}/' || _id)
{%- endmacro %}
