-- Sales by calendar quarter and country.
SELECT
    calendar.year,
    calendar.quarter,
    country.country,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
INNER JOIN star.dim_country AS country ON country.country_key = sale.country_key
GROUP BY calendar.year, calendar.quarter, country.country
