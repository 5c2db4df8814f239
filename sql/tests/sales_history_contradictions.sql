-- Lines of the landed sales history that contradict themselves, or lie outside of the calendar.
with landed as (
    select
        sale.date,
        raw.sale_id,
        raw.quarter as said,
        sale.quarter as derived,
        sale.year between {{ var('calendar_from_year') }} and {{ run_started_at.year + var('calendar_years_ahead') }}
            as is_within
    from {{ ref('sales_history') }} as sale
    inner join {{ source('raw', 'sales_history') }} as raw using (sale_id)
    where not sale._deleted and not raw._deleted
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
