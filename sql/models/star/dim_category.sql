with names as (
    select {{ clean_text('category') }} as name, categoryid
    from {{ source('raw', 'dim_category') }}
    where not _deleted
    union all
    select distinct {{ clean_text('category') }}, null::bigint
    from {{ ref('dim_product') }}
    where not _deleted
),

{{ members_by_name('category', 'categoryid') }}
