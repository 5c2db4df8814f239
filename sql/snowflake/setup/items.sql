MERGE INTO ITEMS AS t USING (
    SELECT order_number, line_number, product_code, quantity, price, sales
    FROM SALES
    WHERE (order_number, line_number) IN (SELECT order_number, line_number FROM ARRIVED)
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY order_number, line_number ORDER BY arrived_at DESC, file DESC, file_line DESC
    ) = 1
) AS i ON t.order_number = i.order_number AND t.line_number = i.line_number
WHEN MATCHED THEN UPDATE SET
    product_code = i.product_code, quantity = i.quantity, price = i.price, sales = i.sales
WHEN NOT MATCHED THEN INSERT (order_number, line_number, product_code, quantity, price, sales)
    VALUES (i.order_number, i.line_number, i.product_code, i.quantity, i.price, i.sales)
