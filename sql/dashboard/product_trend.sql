SELECT
    product_id,
    product,
    category,
    last_90_days,
    previous_90_days,
    last_90_days - previous_90_days AS moved
FROM bi.product_trend
ORDER BY product_id, product
