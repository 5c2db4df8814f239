-- Total sales and number of sales of each country: a dynamic table, or one that the platform keeps.
SELECT
    country.country,
    coalesce(sum(sale.amount), 0) AS total_sales,
    count(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_country AS country USING (country_key)
GROUP BY country.country
