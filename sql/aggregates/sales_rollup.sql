-- Sales by year and country, by year, and in all.
SELECT
    CASE GROUPING(calendar.year) * 2 + GROUPING(place.country)
        WHEN 0 THEN 'year,country' WHEN 1 THEN 'year' ELSE 'total'
    END AS level,
    calendar.year,
    place.country,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
INNER JOIN star.dim_country AS place ON place.country_key = sale.country_key
GROUP BY ROLLUP (calendar.year, place.country)
