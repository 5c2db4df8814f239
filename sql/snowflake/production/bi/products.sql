-- The catalog's products as they are now.
SELECT
    product_id,
    catalog_id,
    type,
    model,
    category,
    price,
    valid_from,
    is_inferred
FROM star.dim_product
WHERE is_current AND (product_id IS NOT NULL OR catalog_id IS NOT NULL)
