SELECT year, month, SUM(history.total_sales) AS total_sales, SUM(history.sales) AS sales
FROM bi.sales_history_by_month AS history
GROUP BY year, month
ORDER BY year, month
