"""The table of sales that several tests of MySQL as a source have in common; the fixture `sales` makes it."""

from __future__ import annotations

from sync.spec import Column, Table

SALES = Table(
    "sales_data",
    source="mysql",
    database="shop",
    key=("rowid",),
    columns=(
        Column("rowid", "bigint", "Number of the sale"),
        Column("price", "numeric(12,2)"),
        Column("note", "text"),
        Column("updated_at", "timestamptz"),
    ),
    history=True,
    description="Sales",
)

CREATE = (
    "CREATE TABLE sales_data (rowid BIGINT PRIMARY KEY, price DECIMAL(12,2), note TEXT, updated_at"
    " TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), secret TEXT)"
)
INSERT = "INSERT INTO sales_data (rowid, price, note) VALUES (1, 10.50, 'one'), (2, NULL, NULL), (3, 3, '')"
