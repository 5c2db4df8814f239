SELECT MAX(date)
FROM bi.sales
