SELECT
    year,
    month,
    SUM(total_sales) AS total_sales,
    SUM(sales) AS sales,
    (SELECT MAX(date) FROM bi.sales) AS last_sale
FROM bi.sales_by_month_category
WHERE year IS NOT NULL
GROUP BY year, month
ORDER BY year, month
