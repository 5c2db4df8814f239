-- Sales with date, country, category, product and customer as they were at the sale; no personal data.
SELECT
    sale.sale_key,
    sale.origin,
    calendar.date,
    calendar.year,
    calendar.quarter,
    calendar.month,
    calendar.month_name,
    calendar.weekday_name,
    sale.sold_at,
    country.country,
    category.category,
    product.product_id,
    product.type AS product_type,
    product.model AS product_model,
    customer.customer_id,
    customer.city AS customer_city,
    sale.quantity,
    sale.price,
    sale.amount
FROM star.fact_sales AS sale
INNER JOIN star.dim_date AS calendar USING (date_key)
INNER JOIN star.dim_country AS country USING (country_key)
INNER JOIN star.dim_category AS category USING (category_key)
INNER JOIN star.dim_product AS product USING (product_key)
INNER JOIN star.dim_customer AS customer USING (customer_key)
