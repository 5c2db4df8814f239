-- Sales of the shop at a time that the calendar does not have. They are on the Unknown date.
select
    source_id as rowid,
    sold_at at time zone '{{ var("timezone") }}' as "timestamp"
from {{ ref('fact_sales') }}
where origin = 'shop' and date_key = 0 and sold_at is not null and not _deleted
order by sold_at, source_id
