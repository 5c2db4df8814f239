-- Total sales and number of sales of each country, a materialized view.
SELECT
    country,
    SUM(total_sales) AS total_sales,
    CAST(SUM(sales) AS bigint) AS sales
FROM reports.sales_by_year_country
GROUP BY country
