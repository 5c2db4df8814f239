SELECT category, SUM(price) AS total_sales, COUNT(*) AS sales
FROM sales.sales_history
GROUP BY category
ORDER BY SUM(price) DESC, category
