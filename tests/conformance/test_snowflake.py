"""What Snowflake alone has: a load that is done again, the aggregates, what arrives in sales by itself."""

from __future__ import annotations

import uuid
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.snowflake_setup import FOLDER
from sync.errors import TransientError
from sync.warehouses.snowflake import load as loading
from sync.warehouses.snowflake.dialect import SnowflakeDialect
from tests.conformance.kits import Kit

QUERIES = Path(__file__).parents[2] / "sql" / "snowflake" / "queries"
pytestmark = pytest.mark.parametrize("kit", ["snowflake"], indirect=True)

LINES = """
INSERT INTO SALES VALUES
    (10100, 1, '2003-01-06', 'Shipped', 'Diecast', 'S18_1749', 30, 100.00, 3000.00, 'a', 1, '2024-1-1'),
    (10100, 2, '2003-01-06', 'Shipped', 'Diecast', 'S18_2248', 50, 55.09, 2754.50, 'a', 2, '2024-1-1'),
    (10101, 1, '2003-01-09', 'Shipped', 'Blauer See', 'S18_2325', 25, 100.00, 2500.00, 'a', 3, '2024-1-1')
"""
CORRECTION = """
INSERT INTO SALES VALUES
    (10100, 2, '2003-01-06', 'Disputed', 'Diecast', 'S18_2248', 49, 55.09, 2699.41, 'b', 1, '2024-2-1')
"""


@pytest.fixture
def connection(kit: Kit) -> Any:
    kit.clear()
    kit.execute("CREATE SCHEMA IF NOT EXISTS SYNC")
    with closing(SnowflakeDialect(kit.url).connect()) as connection:
        yield connection


def test_a_file_that_was_loaded_before_is_no_success(
    connection: Any, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE STAGE IF NOT EXISTS SYNC.AGAIN")
    cursor.execute("CREATE TABLE SYNC.T (A NUMBER(5, 0))")
    monkeypatch.setattr(loading, "uuid", SimpleNamespace(uuid4=lambda: uuid.UUID(int=7)))
    loading.load(cursor, "SYNC.AGAIN", "SYNC.T", ["A"], [(1,), (2,)])
    connection.commit()
    with pytest.raises(TransientError, match=r"took 0 of the 2 rows of \S+\.parquet \(LOAD_SKIPPED\)"):
        loading.load(cursor, "SYNC.AGAIN", "SYNC.T", ["A"], [(3,), (4,)])
    assert kit.rows("SELECT COUNT(*) FROM SYNC.T") == [(2,)]


def test_lines_that_arrive_are_split_and_corrected(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE SCHEMA IF NOT EXISTS STAR")
    cursor.execute("USE SCHEMA STAR")
    for statement in (FOLDER / "3_tables.sql").read_text().split(";"):
        if statement.strip():
            cursor.execute(statement)
    # The stream, which has what arrived since the last split.
    cursor.execute("CREATE TABLE ARRIVED AS SELECT * FROM SALES WHERE 1 = 0")
    for lines, total in ((LINES, "5754.50"), (LINES, "5754.50"), (CORRECTION, "5699.41")):
        cursor.execute("DELETE FROM ARRIVED")
        cursor.execute(lines)
        cursor.execute(lines.replace("INTO SALES", "INTO ARRIVED"))
        for part in ("items", "invoices"):
            cursor.execute((FOLDER / f"{part}.sql").read_text())
        connection.commit()
        cursor.execute("SELECT total FROM INVOICES ORDER BY order_number")
        assert [str(row[0]) for row in cursor.fetchall()] == [total, "2500.00"]
        cursor.execute("SELECT COUNT(*), SUM(sales) FROM ITEMS")
        assert cursor.fetchone()[0] == 3


def test_the_aggregates_have_every_level(connection: Any) -> None:
    cursor = connection.cursor()
    for statement in (
        "CREATE SCHEMA STAR",
        "CREATE TABLE STAR.DIM_CATEGORY AS SELECT 1 AS category_key, 'phones' AS category",
        "CREATE TABLE STAR.DIM_COUNTRY AS SELECT 1 AS country_key, 'Chile' AS country",
        "CREATE TABLE STAR.DIM_DATE AS SELECT 20240101 AS date_key, 2024 AS year",
        "CREATE TABLE STAR.FACT_SALES AS SELECT 1 AS category_key, 1 AS country_key, 20240101 AS date_key,"
        " 12.50::NUMBER(14, 2) AS amount",
    ):
        cursor.execute(statement)
    levels = {
        "sales_grouping_sets": {"category,country", "category", "country", "total"},
        "sales_rollup": {"year,country", "year", "total"},
        "sales_cube": {"year,country", "year", "country", "total"},
    }
    for name, expected in levels.items():
        cursor.execute((QUERIES / f"{name}.sql").read_text())
        rows = cursor.fetchall()
        assert {row[0] for row in rows} == expected
        assert {Decimal(str(row[3])) for row in rows} == {Decimal("12.5")}
