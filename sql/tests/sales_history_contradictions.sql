-- depends_on: {{ ref('sales_history') }}
-- Lines of the landed sales history that contradict themselves, or lie outside of the calendar. The history has what
-- this derives from the date.
with landed as (
    select
        date,
        sale_id,
        quarter as said,
        extract(quarter from date) as derived,
        extract(year from date)
            between {{ var('calendar_from_year') }} and {{ run_started_at.year + var('calendar_years_ahead') }} as is_within
    from {{ source('raw', 'sales_history') }}
    where not _deleted and _batch <= {{ built_batch('sales_history') }}
)

select
    date,
    concat_ws(', ',
        case when said <> derived then 'quarter ' || said end,
        case when not is_within then 'a year that the calendar does not have' end
    ) as contradiction,
    count(*) as sales,
    min(sale_id) as first_sale_id
from landed
where said <> derived or not is_within
group by date, contradiction
order by date, contradiction
