SELECT product_id, product, category, quantity, reorder_level, sold_last_28_days, days_left
FROM bi.stock
WHERE days_left < 28
ORDER BY days_left, product_id
