"""A production with what the dashboard reads, as plain tables under the views' names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from psycopg2.extras import execute_values

from sync.connections.postgresql import connect_postgresql

TABLES = {
    "bi.sales_by_month": (
        "year integer, month integer, total_sales numeric(24,2), sales bigint,"
        " returned numeric(24,2), returns bigint, last_sale date"
    ),
    "bi.sales_by_category_country": ("category text, country text, total_sales numeric(24,2), sales bigint"),
    "bi.total_sales_per_country": "country text, total_sales numeric(24,2), sales bigint",
    "bi.product_trend": (
        "product_id bigint, product text, category text,"
        " last_90_days numeric(24,2), previous_90_days numeric(24,2)"
    ),
    "bi.stock": (
        "product_id bigint, product text, category text, quantity integer, reorder_level integer,"
        " sold_last_28_days bigint, days_left numeric(12,1)"
    ),
    "bi.sales_forecast": (
        "period text, category text, sales numeric, lower numeric, upper numeric, model text"
    ),
    "bi.web_traffic": (
        "day date, hour integer, requests bigint, robot_requests bigint, errors bigint,"
        " phone_share numeric(5,4), tablet_share numeric(5,4), computer_share numeric(5,4)"
    ),
    "bi.sales_history_by_month": (
        "year integer, quarter integer, month integer, category text, item text,"
        " total_sales numeric(24,2), sales bigint"
    ),
}


def make(url: str, rows: dict[str, Sequence[tuple[Any, ...]]]) -> None:
    """Create the tables in an empty database, with these rows."""
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        for schema in sorted({table.partition(".")[0] for table in TABLES}):
            cursor.execute(f"CREATE SCHEMA {schema}")
        for table, columns in TABLES.items():
            cursor.execute(f"CREATE TABLE {table} ({columns})")
            if rows.get(table):
                execute_values(cursor, f"INSERT INTO {table} VALUES %s", rows[table])


def read(url: str, query: str) -> list[tuple[Any, ...]]:
    """What a query gives in the database."""
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
