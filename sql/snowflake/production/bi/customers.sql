-- Customers as they are now, without names and e-mail addresses.
SELECT
    customer_id,
    city,
    country,
    valid_from,
    is_inferred
FROM star.dim_customer
WHERE is_current AND customer_id IS NOT NULL
