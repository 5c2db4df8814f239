-- Sales by category and country, by each of the two, and in all.
SELECT
    CASE GROUPING(kind.category) * 2 + GROUPING(place.country)
        WHEN 0 THEN 'category,country' WHEN 1 THEN 'category' WHEN 2 THEN 'country' ELSE 'total'
    END AS level,
    kind.category,
    place.country,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_category AS kind ON kind.category_key = sale.category_key
INNER JOIN star.dim_country AS place ON place.country_key = sale.country_key
GROUP BY GROUPING SETS ((kind.category, place.country), (kind.category), (place.country), ())
