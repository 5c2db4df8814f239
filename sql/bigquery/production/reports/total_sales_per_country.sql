-- Total sales and number of sales of each country: a materialized view, which may not compute on what it sums.
SELECT
    country.country,
    SUM(COALESCE(sale.amount, 0)) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_country AS country USING (country_key)
GROUP BY country.country
