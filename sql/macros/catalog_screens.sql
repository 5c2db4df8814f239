{#- The live documents of the catalog's collections with their screen size, as columns type and screen_size. The size is
    the first of the vars' keys that a document has; the text has JSON's numbers, and as {"$numberDecimal": "6.1"} those
    that JSON has none for. What is no number is none. -#}
{% macro catalog_screens() %}
    select type, trim_scale(case
        when jsonb_typeof(size) = 'number' then size::text
        when jsonb_typeof(size) = 'object' and coalesce(size ->> '$numberDecimal', size ->> '$numberLong') ~ '^-?[0-9]+([.][0-9]+)?$'
            then coalesce(size ->> '$numberDecimal', size ->> '$numberLong')
    end::numeric) as screen_size
    from (
        {%- for collection in var('collections') %}
        select
            type,
            coalesce({% for key in var('screen_size_keys') %}document -> '{{ key }}'{{ ', ' if not loop.last }}{% endfor %}) as size
        from {{ source('raw', collection) }}
        where not _deleted
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as document
{% endmacro %}
