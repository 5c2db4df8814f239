{#- What the contract has between the keys and the times of a version. -#}
{%- set described = version_attributes(['product_key', 'product_id', 'catalog_id']) -%}
{%- set attributes = ['product_id', 'catalog_id'] + described -%}
{{ config(
    scope=['_member'],
    stamps={'_sales_batch': ['category']},
    indexes=[{'columns': ['product_id']}, {'columns': ['_member']}],
    pre_hook="{{ ensure_index(source('raw', 'sales_data'), 'product_id') }}",
) }}

with catalog as (
    {{ catalog_log(described) }}
),

touched as (
    select member, product_id
    from catalog
    where document in (select document from catalog where _batch > {{ since() }})
    union
    select product_id::text, product_id
    from {{ changed(source('raw', 'sales_data'), ['product_id']) }} as sale
    where product_id is not null
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
        {% for attribute in described -%}
        {{ "coalesce(versions.category, 'Unknown') as category" if attribute == 'category' else 'versions.' ~ attribute }},
        {% endfor -%}
        versions.catalog_id
    from touched
    left join versions on versions.member = touched.member
)

select
    {{ version_key('member', 'valid_from') }} as product_key,
    product_id,
    catalog_id,
    {% for attribute in described %}{{ attribute }}, {% endfor %}
    valid_from,
    valid_to,
    valid_to is null as is_current,
    is_inferred,
    member as _member,
    is_missing and not is_inferred as _deleted
from members
union all
select
    0, null, null, {% for attribute in described %}{{ "'Unknown'" if attribute in ('model', 'category') else 'null' }}, {% endfor %}
    timestamptz '{{ var("beginning") }}', null, true, false, 'unknown', false
