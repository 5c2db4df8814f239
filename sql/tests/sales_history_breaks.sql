-- Days whose number of sales breaks from their neighbours'. The Hampel identifier: a day's distance to the median of
-- the two weeks before and after, in units of their median absolute deviation (MAD). It is taken on Anscombe's scale
-- 2 * sqrt(sales + 3/8) (Biometrika 35, 1948), on which counting alone spreads by 1, which is therefore the least that
-- the spread can be. Days without a sale are the gaps'.
{%- set neighbours = 14 -%}
{%- set fewest = 7 %}
with days as (
    select date, sum(sales) as sales, 2 * sqrt(sum(sales) + 0.375) as volume
    from {{ ref('sales_history_days') }}
    where not _deleted
    group by date
),

expected as (
    select
        day.*,
        percentile_cont(0.5) within group (order by near.volume) as median,
        percentile_cont(0.5) within group (order by near.sales) as median_sales
    from days as day
    inner join days as near on near.date between day.date - {{ neighbours }} and day.date + {{ neighbours }}
    group by day.date, day.sales, day.volume
    having count(*) > {{ fewest }}
),

spread as (
    select
        day.*,
        greatest(1, percentile_cont(0.5) within group (order by abs(near.volume - day.median)) / 0.6745) as deviation
    from expected as day
    inner join days as near on near.date between day.date - {{ neighbours }} and day.date + {{ neighbours }}
    group by day.date, day.sales, day.volume, day.median, day.median_sales
)

select date, sales, median_sales as expected
from spread
where abs(volume - median) > 3.5 * deviation
order by date
