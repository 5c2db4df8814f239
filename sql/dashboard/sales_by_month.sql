SELECT year, month, total_sales, sales, (SELECT MAX(last_sale) FROM bi.sales_by_month) AS last_sale
FROM bi.sales_by_month
WHERE year IS NOT NULL
ORDER BY year, month
