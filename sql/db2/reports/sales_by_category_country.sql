-- Sales by category and country.
SELECT
    category.category,
    country.country,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_category AS category ON category.category_key = sale.category_key
INNER JOIN star.dim_country AS country ON country.country_key = sale.country_key
GROUP BY category.category, country.country
