SELECT year, quarter, SUM(price) AS total_sales, COUNT(*) AS sales
FROM bi.sales_history
WHERE LOWER(item) = 'mobile'
GROUP BY year, quarter
ORDER BY year, quarter
