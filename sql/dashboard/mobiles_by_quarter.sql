SELECT year, quarter, SUM(history.total_sales) AS total_sales, SUM(history.sales) AS sales
FROM bi.sales_history_by_month AS history
WHERE LOWER(item) = 'mobile'
GROUP BY year, quarter
ORDER BY year, quarter
