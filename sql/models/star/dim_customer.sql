{#- What the contract has between the keys and the times of a version. -#}
{%- set attributes = version_attributes(['customer_key', 'customer_id']) -%}
{{ config(
    scope=['customer_id'],
    stamps={'_sales_batch': ['country']},
    indexes=[{'columns': ['customer_id']}],
    pre_hook="{{ ensure_index(source('raw', 'sales_data'), 'customer_id') }}",
) }}

with touched as (
    select customer_id as member
    from {{ changed(source('history', 'customers'), ['customer_id']) }} as log
    union
    select customer_id
    from {{ changed(source('raw', 'sales_data'), ['customer_id']) }} as sale
    where customer_id is not null
    union
    -- An inferred member goes when the last sale that mentions it does.
    select customer_id
    from {{ this }}
    where is_inferred and not _deleted
),

log as (
    select
        customer_id as member,
        customer_id as document,
        _changed_at as changed_at,
        _deleted as deleted,
        {% for attribute in attributes -%}
        {{ "coalesce(" ~ clean_text('country') ~ ", 'Unknown') as country" if attribute == 'country' else attribute }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ source('history', 'customers') }}
    where customer_id in (select member from touched)
),

{{ versions(attributes) }},

members as (
    select
        touched.member as customer_id,
        versions.member is null as is_missing,
        case when versions.member is null then exists (
            select
            from {{ source('raw', 'sales_data') }} as sale
            where sale.customer_id = touched.member and not sale._deleted
        ) else false end as is_inferred,
        coalesce(versions.valid_from, timestamptz '{{ var("beginning") }}') as valid_from,
        versions.valid_to,
        {% for attribute in attributes -%}
        {{ "coalesce(versions.country, 'Unknown') as country" if attribute == 'country' else 'versions.' ~ attribute }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from touched
    left join versions on versions.member = touched.member
)

select
    {{ version_key('customer_id', 'valid_from') }} as customer_key,
    customer_id,
    {% for attribute in attributes %}{{ attribute }}, {% endfor %}
    valid_from,
    valid_to,
    valid_to is null as is_current,
    is_inferred,
    is_missing and not is_inferred as _deleted
from members
union all
select
    0, null, {% for attribute in attributes %}{{ "'Unknown'" if attribute == 'country' else 'null' }}, {% endfor %}
    timestamptz '{{ var("beginning") }}', null, true, false, false
