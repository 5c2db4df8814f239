-- Total sales and number of sales of each country: a materialized view, which may not compute on what it sums.
SELECT
    country,
    SUM(total_sales) AS total_sales,
    SUM(sales) AS sales
FROM reports.sales_by_year_country
GROUP BY country
