SELECT
    report.year,
    report.month,
    report.total_sales,
    report.sales,
    (SELECT MAX(date) FROM bi.sales) AS last_sale
FROM (
    SELECT
        year,
        month,
        SUM(total_sales) AS total_sales,
        SUM(sales) AS sales
    FROM bi.sales_by_month_category
    WHERE year IS NOT NULL
    GROUP BY year, month
) AS report
ORDER BY report.year, report.month
