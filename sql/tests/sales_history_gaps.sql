-- Days without a sale between the first and the last day of the sales history, within the calendar's years.
with days as (
    select distinct date
    from {{ ref('sales_history_days') }}
    where not _deleted
        and extract(year from date) between {{ var('calendar_from_year') }} and {{ run_started_at.year + var('calendar_years_ahead') }}
)

select span.first_date + passed.days as date
from (select min(date) as first_date, max(date) as last_date from days) as span
cross join lateral generate_series(0, span.last_date - span.first_date) as passed (days)
where not exists (select from days where days.date = span.first_date + passed.days)
order by 1
