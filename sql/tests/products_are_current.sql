{%- set live %}
    {%- for collection in var('collections') %}
    select {{ catalog_member(collection) }} as member
    from {{ beside('raw', collection) }}
    where not _deleted
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{% endset -%}
{#- A document that changed may have left a product or come to one. -#}
{%- set newer %}
    select member
    from ({{ catalog_log() }}) as log
    where document in (
        select document from ({{ catalog_log() }}) as changed where _batch > {{ built_batch('dim_product') }}
    )
{% endset -%}
{{ members_not_current(ref('dim_product'), 'product_key', '_member', live, newer) }}
