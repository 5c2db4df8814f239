MERGE INTO INVOICES AS t USING (
    SELECT
        newest.order_number, newest.order_date, newest.status, newest.customer_name, totals.total
    FROM (
        SELECT order_number, order_date, status, customer_name
        FROM SALES
        QUALIFY ROW_NUMBER() OVER (
            PARTITION BY order_number ORDER BY arrived_at DESC, file DESC, file_line DESC
        ) = 1
    ) AS newest
    INNER JOIN (
        SELECT order_number, SUM(sales) AS total FROM ITEMS GROUP BY order_number
    ) AS totals ON totals.order_number = newest.order_number
) AS i ON t.order_number = i.order_number
WHEN MATCHED THEN UPDATE SET
    order_date = i.order_date, status = i.status, customer_name = i.customer_name, total = i.total
WHEN NOT MATCHED THEN INSERT (order_number, order_date, status, customer_name, total)
    VALUES (i.order_number, i.order_date, i.status, i.customer_name, i.total)
