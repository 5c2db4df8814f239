-- Sales by calendar month and category.
SELECT
    calendar.year,
    calendar.month,
    category.category,
    COALESCE(SUM(sale.amount), 0) AS total_sales,
    COUNT(*) AS sales
FROM star.fact_sales AS sale
INNER JOIN star.dim_date AS calendar ON calendar.date_key = sale.date_key
INNER JOIN star.dim_category AS category ON category.category_key = sale.category_key
GROUP BY calendar.year, calendar.month, category.category
