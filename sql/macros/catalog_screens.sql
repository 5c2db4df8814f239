{#- Common table expressions: `screen` has the live documents of the catalog's collections as columns id, type and
    screen_size. The size is the first of the vars' keys that a document has; the text of a document has JSON's numbers,
    and as {"$numberDecimal": "6.1"} those that JSON has none for. What is no number is none. -#}
{% macro catalog_screens() %}
documents as (
    {%- for collection in var('collections') %}
    select
        '{{ collection }}/' || _id as id,
        type,
        coalesce({% for key in var('screen_size_keys') %}jsonb_extract_path(document, '{{ key }}'){{ ', ' if not loop.last }}{% endfor %}) as size
    from {{ source('raw', collection) }}
    where not _deleted
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

screen as (
    select id, type, trim_scale((case
        when jsonb_typeof(size) = 'number' then size::text
        when jsonb_typeof(size) = 'object' and coalesce(jsonb_extract_path_text(size, '$numberDecimal'), jsonb_extract_path_text(size, '$numberLong')) ~ '^-?[0-9]+([.][0-9]+)?$'
            then coalesce(jsonb_extract_path_text(size, '$numberDecimal'), jsonb_extract_path_text(size, '$numberLong'))
    end)::numeric) as screen_size
    from documents
)
{% endmacro %}
