{%- set attributes = ['product_id', 'catalog_id', 'type', 'model', 'category', 'price'] -%}
{{ config(
    scope=['_member'],
    stamps={'_sales_batch': ['category']},
    indexes=[{'columns': ['product_id']}, {'columns': ['_member']}],
    pre_hook="{{ ensure_index(source('raw', 'sales_data'), 'product_id') }}",
) }}

with catalog as (
    {{ catalog_log() }}
),

touched as (
    select member, product_id
    from catalog
    where document in (select document from catalog where _batch > {{ since() }})
    union
    select product_id::text, product_id
    from {{ source('raw', 'sales_data') }}
    where _batch > {{ since() }} and product_id is not null
    union
    -- An inferred member goes when the last sale that mentions it does.
    select _member, product_id
    from {{ this }}
    where is_inferred and not _deleted
),

log as (
    select *, document as catalog_id
    from catalog
    where document in (select document from catalog where member in (select member from touched))
),

{{ versions(attributes) }},

members as (
    select
        touched.member,
        touched.product_id,
        versions.member is null as is_missing,
        case when versions.member is null then exists (
            select
            from {{ source('raw', 'sales_data') }} as sale
            where sale.product_id = touched.product_id and not sale._deleted
        ) else false end as is_inferred,
        coalesce(versions.valid_from, timestamptz '{{ var("beginning") }}') as valid_from,
        versions.valid_to,
        versions.catalog_id,
        versions.type,
        versions.model,
        coalesce(versions.category, 'Unknown') as category,
        versions.price
    from touched
    left join versions on versions.member = touched.member
)

select
    {{ version_key('member', 'valid_from') }} as product_key,
    product_id,
    catalog_id,
    type,
    model,
    category,
    price,
    valid_from,
    valid_to,
    valid_to is null as is_current,
    is_inferred,
    member as _member,
    is_missing and not is_inferred as _deleted
from members
union all
select
    0, null, null, null, 'Unknown', 'Unknown', null,
    timestamptz '{{ var("beginning") }}', null, true, false, 'unknown', false
