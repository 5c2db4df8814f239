SELECT year, month, 0 - SUM(amount) AS returned, COUNT(*) AS returns
FROM bi.sales
WHERE amount < 0 AND year IS NOT NULL
GROUP BY year, month
ORDER BY year, month
