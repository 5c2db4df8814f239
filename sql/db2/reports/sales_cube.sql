-- Average sale by calendar year and country, by each of them, and over all.
WITH sales AS (
    SELECT
        calendar.year,
        country.country,
        COALESCE(SUM(sale.amount), 0) AS amount,
        COUNT(sale.amount) AS amounts,
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
        SUM(amounts) AS amounts,
        SUM(sales) AS sales
    FROM sales
    GROUP BY CUBE (year, country)
)

SELECT
    CASE
        WHEN year_is_all = 0 AND country_is_all = 0 THEN 'year,country'
        WHEN year_is_all = 0 THEN 'year'
        WHEN country_is_all = 0 THEN 'country'
        ELSE 'total'
    END AS level,
    year,
    country,
    -- Without decimals to spare Db2's division cuts off what would be rounded.
    CAST(ROUND(CAST(amount AS DECIMAL(28, 6)) / NULLIF(amounts, 0), 2) AS DECIMAL(24, 2)) AS average_sales,
    sales
FROM grouped
