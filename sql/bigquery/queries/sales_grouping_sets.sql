-- Sales by category and country, by each of the two, and in all.
SELECT
    CASE GROUPING(category.category) * 2 + GROUPING(country.country)
        WHEN 0 THEN 'category,country' WHEN 1 THEN 'category' WHEN 2 THEN 'country' ELSE 'total'
    END AS level,
    category.category,
    country.country,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_category AS category ON category.category_key = sale.category_key
INNER JOIN star.dim_country AS country ON country.country_key = sale.country_key
GROUP BY GROUPING SETS ((category.category, country.country), (category.category), (country.country), ())
