SELECT
    report.year,
    report.month,
    SUM(report.total_sales) AS total_sales,
    SUM(report.sales) AS sales,
    MAX(newest.last_sale) AS last_sale
FROM bi.sales_by_month_category AS report
CROSS JOIN (SELECT MAX(date) AS last_sale FROM bi.sales) AS newest
WHERE report.year IS NOT NULL
GROUP BY report.year, report.month
ORDER BY report.year, report.month
