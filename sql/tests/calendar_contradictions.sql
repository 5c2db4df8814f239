-- Days of the landed calendar whose attributes are not those of their date. The star derives them from the date.
with landed as (
    select *
    from {{ source('raw', 'dim_date') }}
    where not _deleted
)

select
    landed.dateid,
    landed.date,
    concat_ws(', ',
        case when landed.year <> calendar.year then 'year ' || landed.year end,
        case when landed.quarter <> calendar.quarter then 'quarter ' || landed.quarter end,
        case when lower(btrim(landed.quartername)) <> lower(calendar.quarter_name) then 'quarter name ' || landed.quartername end,
        case when landed.month <> calendar.month then 'month ' || landed.month end,
        case when lower(btrim(landed.monthname)) <> lower(calendar.month_name) then 'month name ' || landed.monthname end,
        case when landed.day <> calendar.day then 'day ' || landed.day end,
        case when landed.weekday <> calendar.weekday then 'weekday ' || landed.weekday end,
        case when lower(btrim(landed.weekdayname)) <> lower(calendar.weekday_name) then 'weekday name ' || landed.weekdayname end
    ) as contradiction
from landed
inner join {{ ref('dim_date') }} as calendar on calendar.date = landed.date
where (landed.year, landed.quarter, landed.month, landed.day, landed.weekday)
        <> (calendar.year, calendar.quarter, calendar.month, calendar.day, calendar.weekday)
    or lower(btrim(landed.quartername)) <> lower(calendar.quarter_name)
    or lower(btrim(landed.monthname)) <> lower(calendar.month_name)
    or lower(btrim(landed.weekdayname)) <> lower(calendar.weekday_name)
order by landed.dateid
