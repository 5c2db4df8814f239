-- Reports on the catalog that do not count every live document of its collections once.
with counted as (
    select 'catalog_by_type' as report, coalesce(sum(documents), 0) as documents
    from {{ ref('catalog_by_type') }} where not _deleted
    union all
    select 'catalog_by_screen_size', coalesce(sum(documents), 0)
    from {{ ref('catalog_by_screen_size') }} where not _deleted
),

live as (
    select
        {%- for collection in var('collections') %}
        (select count(*) from {{ source('raw', collection) }} where not _deleted){{ ' +' if not loop.last }}
        {%- endfor %} as documents
)

select counted.report, counted.documents as counted, live.documents as documents
from counted
cross join live
where counted.documents <> live.documents
