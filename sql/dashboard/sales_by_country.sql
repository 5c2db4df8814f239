SELECT country, total_sales, sales
FROM bi.total_sales_per_country
WHERE total_sales <> 0
ORDER BY total_sales DESC, country
