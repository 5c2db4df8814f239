SELECT category, SUM(total_sales), SUM(sales)
FROM bi.sales_by_category_country
GROUP BY category
HAVING SUM(total_sales) <> 0
ORDER BY SUM(total_sales) DESC, category
