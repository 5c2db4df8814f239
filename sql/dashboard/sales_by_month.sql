SELECT year, month, SUM(total_sales), SUM(sales), (SELECT MAX(date) FROM bi.sales)
FROM bi.sales_by_month_category
WHERE year IS NOT NULL
GROUP BY year, month
ORDER BY year, month
