-- Average sales by year and country, by each of the two, and in all.
SELECT
    CASE GROUPING(calendar.year) * 2 + GROUPING(place.country)
        WHEN 0 THEN 'year,country' WHEN 1 THEN 'year' WHEN 2 THEN 'country' ELSE 'total'
    END AS level,
    calendar.year,
    place.country,
    ROUND(SUM(sale.amount) / NULLIF(COUNT(sale.amount), 0), 2) AS average_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
INNER JOIN star.dim_country AS place ON place.country_key = sale.country_key
GROUP BY CUBE (calendar.year, place.country)
