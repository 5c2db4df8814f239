-- Sales by calendar year and country, by year, and in total.
WITH sales AS (
    SELECT
        calendar.year,
        country.country,
        COALESCE(SUM(sale.amount), 0) AS amount,
        COUNT(*) AS sales
    FROM star.fact_sales AS sale
    INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
    INNER JOIN star.dim_country AS country ON country.country_key = sale.country_key
    GROUP BY calendar.year, country.country
),

grouped AS (
    SELECT
        GROUPING(year) AS year_is_all,
        GROUPING(country) AS country_is_all,
        year,
        country,
        SUM(amount) AS amount,
        SUM(sales) AS sales
    FROM sales
    GROUP BY ROLLUP (year, country)
)

SELECT
    CASE
        WHEN year_is_all = 0 AND country_is_all = 0 THEN 'year,country'
        WHEN year_is_all = 0 THEN 'year'
        ELSE 'total'
    END AS level,
    year,
    country,
    COALESCE(amount, 0) AS total_sales,
    sales
FROM grouped
