{#-
    The change logs of all collections of the catalog as one, a row an applied version of a document. `member` is
    the product it speaks for: its product_id, or the document itself where it has none. A category that is missing
    is the collection's own.
-#}
{% macro catalog_log() %}
{%- for collection in var('collections') %}
select
    '{{ collection }}/' || _id as document,
    coalesce(product_id::text, '{{ collection }}/' || _id) as member,
    product_id,
    type,
    model,
    coalesce({{ clean_text('category') }}, initcap('{{ collection }}')) as category,
    price,
    _changed_at as changed_at,
    _deleted as deleted,
    _batch
from {{ source('history', collection) }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endmacro %}
