SELECT period, sales, lower, upper, model
FROM bi.sales_forecast
WHERE category = 'total' AND lower IS NOT NULL
ORDER BY period
