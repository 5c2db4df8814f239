-- Sales by category and country, by each of them, and in total.
WITH sales AS (
    SELECT
        category.category,
        country.country,
        COALESCE(SUM(sale.amount), 0) AS amount,
        COUNT(*) AS sales
    FROM star.fact_sales AS sale
    INNER JOIN star.dim_category AS category ON category.category_key = sale.category_key
    INNER JOIN star.dim_country AS country ON country.country_key = sale.country_key
    GROUP BY category.category, country.country
),

grouped AS (
    SELECT
        GROUPING(category) AS category_is_all,
        GROUPING(country) AS country_is_all,
        category,
        country,
        SUM(amount) AS amount,
        SUM(sales) AS sales
    FROM sales
    GROUP BY GROUPING SETS ((category, country), (category), (country), ())
)

SELECT
    CASE
        WHEN category_is_all = 0 AND country_is_all = 0 THEN 'category,country'
        WHEN category_is_all = 0 THEN 'category'
        WHEN country_is_all = 0 THEN 'country'
        ELSE 'total'
    END AS level,
    category,
    country,
    COALESCE(amount, 0) AS total_sales,
    sales
FROM grouped
