SELECT category, SUM(report.total_sales) AS total_sales, SUM(report.sales) AS sales
FROM bi.sales_by_category_country AS report
GROUP BY category
HAVING SUM(report.total_sales) <> 0
ORDER BY SUM(report.total_sales) DESC, category
