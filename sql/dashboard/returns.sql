SELECT year, month, returned, returns
FROM bi.sales_by_month
WHERE returns > 0 AND year IS NOT NULL
ORDER BY year, month
