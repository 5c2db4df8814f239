-- Total sales and number of sales of each country: a materialized view, which may not compute on what it sums.
SELECT
    place.country,
    SUM(COALESCE(sale.amount, 0)) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_country AS place USING (country_key)
GROUP BY place.country
