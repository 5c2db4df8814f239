SELECT category, SUM(total_sales) AS total_sales, SUM(sales) AS sales
FROM bi.sales_by_category_country
GROUP BY category
HAVING SUM(total_sales) <> 0
ORDER BY SUM(total_sales) DESC, category
