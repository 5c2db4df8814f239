-- What arrives, each line with its file, and what it is split into.
CREATE TABLE IF NOT EXISTS SALES (
    order_number NUMBER(10, 0), line_number NUMBER(10, 0), order_date DATE, status VARCHAR(40),
    customer_name VARCHAR(200), product_code VARCHAR(40), quantity NUMBER(10, 0), price NUMBER(14, 2),
    sales NUMBER(14, 2), file VARCHAR(1000), file_line NUMBER(19, 0), arrived_at TIMESTAMP_NTZ(6)
);
CREATE TABLE IF NOT EXISTS INVOICES (
    order_number NUMBER(10, 0) NOT NULL, order_date DATE, status VARCHAR(40), customer_name VARCHAR(200),
    total NUMBER(16, 2)
);
CREATE TABLE IF NOT EXISTS ITEMS (
    order_number NUMBER(10, 0) NOT NULL, line_number NUMBER(10, 0) NOT NULL, product_code VARCHAR(40),
    quantity NUMBER(10, 0), price NUMBER(14, 2), sales NUMBER(14, 2)
);
