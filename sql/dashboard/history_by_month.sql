SELECT year, month, SUM(price) AS total_sales, COUNT(*) AS sales
FROM bi.sales_history
GROUP BY year, month
ORDER BY year, month
