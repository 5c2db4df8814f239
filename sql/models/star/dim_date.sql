{{ config(pre_hook="{{ ensure_index(source('raw', 'sales_data'), 'timestamp') }}") }}

with sold as (
    select min("timestamp")::date as first_date, max("timestamp")::date as last_date
    from {{ source('raw', 'sales_data') }}
    where not _deleted
    union all
    select min(date), max(date)
    from {{ source('raw', 'dim_date') }}
    where not _deleted
),

span as (
    select
        date_trunc('year', min(first_date)::timestamp)::date as first_day,
        (date_trunc('year', max(last_date)::timestamp) + interval '1 year')::date as end_day
    from sold
),

calendar as (
    select span.first_day + passed.days as date
    from span
    cross join lateral generate_series(0, span.end_day - span.first_day - 1) as passed (days)
)

select
    {{ date_key('date') }} as date_key,
    date,
    extract(year from date) as year,
    extract(quarter from date) as quarter,
    'Q' || extract(quarter from date) as quarter_name,
    extract(month from date) as month,
    to_char(date, 'FMMonth') as month_name,
    extract(day from date) as day,
    extract(dow from date) + 1 as weekday,
    to_char(date, 'FMDay') as weekday_name
from calendar
union all
select 0, null, null, null, 'Unknown', null, 'Unknown', null, null, 'Unknown'
