with names as (
    select {{ clean_text('country') }} as name, countryid
    from {{ source('raw', 'dim_country') }}
    where not _deleted
    union all
    select distinct {{ clean_text('country') }}, null::bigint
    from {{ ref('dim_customer') }}
    where not _deleted
),

{{ members_by_name('country', 'countryid') }}
