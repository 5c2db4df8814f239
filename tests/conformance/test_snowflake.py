"""What Snowflake alone has: a load that is done again, what arrives in sales by itself."""

from __future__ import annotations

import uuid
from contextlib import closing
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from stack.snowflake_setup import FOLDER
from sync.errors import TransientError
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.snowflake import load as loading
from sync.warehouses.snowflake.dialect import STAGE, SnowflakeDialect
from sync.warehouses.snowflake.warehouse import SnowflakeWarehouse
from tests.conformance.kits import Kit
from tests.conformance.shop import DELTA, TABLES, Shop

pytestmark = pytest.mark.parametrize("kit", ["snowflake"], indirect=True)
LIST = f"LIST @{STAGE}"

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


def test_a_merge_is_part_of_the_transaction_around_it(connection: Any, kit: Kit) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE SYNC.T (A NUMBER(5, 0), B NUMBER(5, 0))")
    cursor.execute("CREATE TABLE SYNC.S (A NUMBER(5, 0), B NUMBER(5, 0))")
    cursor.execute("INSERT INTO SYNC.T VALUES (1, 1)")
    cursor.execute("INSERT INTO SYNC.S VALUES (1, 2), (2, 2)")
    connection.commit()
    for end, rows in ((connection.rollback, [(1, 1)]), (connection.commit, [(1, 2), (2, 2), (9, 9)])):
        cursor.execute("INSERT INTO SYNC.T VALUES (9, 9)")
        cursor.execute(
            "MERGE INTO SYNC.T AS T USING SYNC.S AS S ON T.A = S.A WHEN MATCHED THEN UPDATE SET B = S.B"
            " WHEN NOT MATCHED THEN INSERT (A, B) VALUES (S.A, S.B)"
        )
        assert kit.rows("SELECT A, B FROM SYNC.T ORDER BY A") == [(1, 1)]
        end()
        assert kit.rows("SELECT A, B FROM SYNC.T ORDER BY A") == rows


def test_files_of_a_stage_go_with_its_schema(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loading, "copy_statement", Mock(side_effect=KeyboardInterrupt))
        shop.mirror()
    shop.kit.clear()
    shop.kit.execute("CREATE SCHEMA IF NOT EXISTS SYNC")
    shop.kit.execute(f"CREATE STAGE IF NOT EXISTS {STAGE}")
    assert shop.kit.rows(LIST) == []


def test_a_file_that_a_killed_pass_left_goes_in_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loading, "copy_statement", Mock(side_effect=KeyboardInterrupt))
        shop.mirror()
    assert len(shop.kit.rows(LIST)) == 1
    shop.mirror()
    assert len(shop.kit.rows(LIST)) == 1  # it may be a pass that still runs
    shop.change(DELTA)
    with closing(SnowflakeWarehouse(SnowflakeDialect(shop.kit.url), hours=0)) as warehouse:
        mirror(PostgreSQLStaging(shop.staging), warehouse, TABLES, "test")
    assert shop.kit.rows(LIST) == []
    assert shop.is_equal()


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
