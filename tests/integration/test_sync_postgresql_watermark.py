"""The watermark strategy from PostgreSQL: what open transactions hold back, and staging's batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pymysql
import pytest
from psycopg2.extensions import connection as Connection

from stack.cluster import Cluster
from stack.postgres import PostgreSQL
from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from sync.passes import Compare
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import Pipeline

ORDERS = Table(
    "orders", "postgresql", "public", key=("id",),
    strategy=Strategy.WATERMARK, cursor="updated_at", overlap_seconds=0,
)  # fmt: skip
NUMBERED = replace(ORDERS, cursor="version")
BOTH = pytest.mark.parametrize("table", [ORDERS, NUMBERED], ids=["a time", "a number"])


def administer(stack: Cluster, statement: str) -> None:
    with closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root:
        run(root, statement)


@pytest.fixture
def orders(databases: Databases, stack: Cluster) -> Databases:
    with (
        closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root,
        root.cursor() as cursor,
    ):
        cursor.execute("GRANT pg_read_all_stats TO softcart")
    databases.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, n integer, version bigint,"
        " updated_at timestamptz DEFAULT now())",
        "INSERT INTO orders SELECT i, 0, i, now() - (101 - i) * interval '1 minute'"
        " FROM generate_series(1, 100) i",
    )
    return databases


@pytest.fixture
def other(orders: Databases) -> Iterator[Connection]:
    """Another session, not in autocommit mode."""
    with closing(connect_postgresql(orders.source_url)) as connection:
        connection.autocommit = False
        yield connection


def run(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def assert_equal(orders: Databases) -> None:
    live = orders.query("SELECT id, n FROM raw.orders WHERE NOT _deleted ORDER BY id")
    assert live == orders.execute("SELECT id, n FROM orders ORDER BY id")


@BOTH
def test_a_pass_reads_what_changed_and_a_replay_writes_nothing(table: Table, orders: Databases) -> None:
    assert orders.run(table).read == 100
    orders.execute(
        "UPDATE orders SET n = 1, version = 1000 + id, updated_at = now() WHERE id <= 5",
        "INSERT INTO orders VALUES (101, 1, 2000)",
    )
    result = orders.run(table)
    assert (result.inserted, result.updated, result.deleted, result.notes) == (1, 5, 0, ())
    assert result.read < 10
    assert_equal(orders)
    assert orders.run(replace(table, overlap_seconds=1e6)).batch is None


@BOTH
def test_a_commit_that_comes_late_is_not_missed(table: Table, orders: Databases, other: Connection) -> None:
    """The open transaction's now() is fixed by its first statement, which writes nothing."""
    orders.run(table)
    run(other, "SELECT now()")
    orders.execute("INSERT INTO orders VALUES (201, 7, 201)")
    orders.run(table)
    run(other, "INSERT INTO orders VALUES (200, 7, 200)")
    orders.execute("INSERT INTO orders VALUES (202, 7, 202)")
    orders.run(table)
    other.commit()
    orders.run(table)
    assert_equal(orders)


@BOTH
def test_ties_and_rows_without_a_cursor_are_read_again(table: Table, orders: Databases) -> None:
    orders.run(table)
    for number in (400, 401):
        orders.execute(f"INSERT INTO orders VALUES ({number}, 1, 500, '2100-01-01')")
        orders.execute(f"INSERT INTO orders VALUES ({number + 10}, 1, NULL, NULL)")
        assert orders.run(table).inserted == 2
    orders.execute("UPDATE orders SET n = 2 WHERE version IS NULL")
    assert orders.run(table).updated == 2
    assert_equal(orders)


@BOTH
def test_a_delete_and_a_changed_key_are_found_by_a_comparison(table: Table, orders: Databases) -> None:
    orders.run(table)
    orders.execute("DELETE FROM orders WHERE id = 3", "UPDATE orders SET id = 1004 WHERE id = 4")
    orders.run(table)
    result = orders.run(table, compare=Compare.ALL)
    assert (result.inserted, result.deleted) == (1, 2)
    assert_equal(orders)


def test_without_the_right_to_see_transactions_a_pass_says_so(orders: Databases, stack: Cluster) -> None:
    with (
        closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root,
        root.cursor() as cursor,
    ):
        cursor.execute("REVOKE pg_read_all_stats FROM softcart")
    orders.run(ORDERS)
    (note,) = orders.run(ORDERS).notes
    assert "pg_read_all_stats" in note


RAW = Table("sales", "mysql", "shop", key=("id",))
FORWARDED = Table(
    "sales", "postgresql", "raw", key=("id",), schema="copy",
    strategy=Strategy.WATERMARK, cursor="source_batch",
    columns=(
        Column("id", "integer"), Column("n", "integer"), Column("source_batch", "bigint", source="_batch"),
        Column("gone", "boolean", source="_deleted"),
    ),
)  # fmt: skip


def test_the_batch_of_a_raw_table_is_a_cursor_that_brings_deletes(
    orders: Databases, shop: pymysql.Connection, urls: dict[str, str]
) -> None:
    with shop.cursor() as cursor, closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as mysql:
        staged = Pipeline(mysql, orders.source_url)
        cursor.execute("CREATE TABLE sales (id INT PRIMARY KEY, n INT)")
        cursor.execute("INSERT INTO sales SELECT seq, 0 FROM seq_1_to_100")
        staged.run(RAW)
        assert orders.run(FORWARDED).inserted == 100
        cursor.execute("UPDATE sales SET n = 1 WHERE id = 1")
        cursor.execute("DELETE FROM sales WHERE id = 2")
        staged.run(RAW)
        assert orders.run(FORWARDED).updated == 2
        cursor.execute("INSERT INTO sales VALUES (2, 5)")
        staged.run(RAW)
        assert orders.run(FORWARDED).updated == 1
    there = orders.execute("SELECT id, n, _batch, _deleted FROM raw.sales ORDER BY id")
    assert orders.query("SELECT id, n, source_batch, gone FROM copy.sales ORDER BY id") == there
    assert orders.run(FORWARDED).read <= 3


PRICED = replace(ORDERS, cursor="price")
TOLD = pytest.mark.parametrize("told", [True, False], ids=["transactions seen", "unseen"])


@pytest.fixture
def priced(orders: Databases) -> Databases:
    orders.execute(
        "ALTER TABLE orders ADD price numeric",
        "UPDATE orders SET price = id",
        "UPDATE orders SET price = 'NaN' WHERE id = 2",
        "UPDATE orders SET price = 'Infinity' WHERE id = 3",
        "UPDATE orders SET price = '-Infinity' WHERE id = 4",
    )
    return orders


@TOLD
def test_a_number_that_is_not_finite_is_never_the_position(
    told: bool, priced: Databases, stack: Cluster
) -> None:
    if not told:
        administer(stack, "REVOKE pg_read_all_stats FROM softcart")
    assert priced.run(PRICED).read == 100
    priced.execute(
        "INSERT INTO orders VALUES (101, 1, 1, now(), 101), (102, 1, 1, now(), 'NaN')",
        "UPDATE orders SET n = 1, price = 'NaN' WHERE id = 7",
        "UPDATE orders SET n = 1, price = '-Infinity' WHERE id = 8",
        "UPDATE orders SET n = 1 WHERE id IN (2, 3, 4)",
    )
    priced.run(PRICED)
    assert_equal(priced)
    result = priced.run(PRICED)
    # Six with no finite number, and from the position on.
    assert (result.changed, result.read) == (0, 7 if told else 8)
    assert str(result.position_after).count("NaN") == str(result.position_after).count("Inf") == 0


def test_a_position_that_is_no_number_is_left_behind(priced: Databases) -> None:
    priced.run(PRICED)
    former = {"cursor": "price", "value": "NaN", "seen": [["2020-01-01T00:00:00+00:00", "NaN"]]}
    priced.query(f"UPDATE sync.tables SET position = '{json.dumps(former)}'")
    priced.execute(
        "UPDATE orders SET n = 1 WHERE id = 1", "INSERT INTO orders VALUES (101, 1, 1, now(), 101)"
    )
    assert priced.run(PRICED).read == 101
    assert_equal(priced)


def test_a_lost_key_is_not_taken_for_one_whose_name_differs_by_case(databases: Databases) -> None:
    databases.execute(
        'CREATE TABLE orders ("ID" integer UNIQUE NOT NULL, id integer PRIMARY KEY, updated_at timestamptz)',
        "INSERT INTO orders VALUES (1, 1, now() - interval '1 day'), (2, 2, now())",
    )
    databases.run(ORDERS)
    databases.execute(
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey", "INSERT INTO orders VALUES (3, 1, now())"
    )
    with pytest.raises(SyncError, match=r"raw\.orders: \(id\) was a key of"):
        databases.run(ORDERS)
