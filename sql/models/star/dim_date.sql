{{ config(pre_hook="{{ ensure_index(source('raw', 'sales_data'), 'timestamp') }}") }}

{#- Whole years, in which a sale is taken at its word: one of the year 9999 must not make millions of days. -#}
{%- set from_date = "date '" ~ var('calendar_from_year') ~ "-01-01'" -%}
{%- set before_date = "date '" ~ (run_started_at.year + var('calendar_years_ahead') + 1) ~ "-01-01'" %}

with landed as (
    select date, date >= {{ from_date }} and date < {{ before_date }} as is_within
    from {{ source('raw', 'dim_date') }}
    where not _deleted
),

sold as (
    select min("timestamp")::date as first_date, max("timestamp")::date as last_date
    from {{ source('raw', 'sales_data') }}
    where not _deleted and "timestamp" >= {{ from_date }} and "timestamp" < {{ before_date }}
    union all
    select min(date), max(date)
    from landed
    where is_within
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
    union all
    select distinct date
    from landed
    where not is_within
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
