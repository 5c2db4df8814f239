SELECT category, SUM(price) AS total_sales, COUNT(*) AS sales
FROM bi.sales_history
GROUP BY category
ORDER BY SUM(price) DESC, category
