"""The watermark strategy: what it reads, what it never misses, and what it says when it cannot know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from stack.cluster import Cluster
from sync.errors import SyncError
from sync.passes import Compare
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.integration.sync_support import Pipeline

ORDERS = Table(
    "orders",
    "mysql",
    "shop",
    key=("id",),
    strategy=Strategy.WATERMARK,
    cursor="updated_at",
    overlap_seconds=0,
)
NUMBERED = replace(ORDERS, cursor="version")
CREATE = """
    CREATE TABLE orders (
        id INT PRIMARY KEY, n INT, version BIGINT,
        updated_at TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
    )
"""


@pytest.fixture
def pipeline(shop: pymysql.Connection, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    run(shop, CREATE)
    run(
        shop,
        "INSERT INTO orders SELECT seq, 0, seq, NOW(6) - INTERVAL (101 - seq) MINUTE FROM seq_1_to_100",
    )
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


@pytest.fixture
def other(stack: Cluster) -> Iterator[pymysql.Connection]:
    """A second session of the shop's staff, not in autocommit mode."""
    with pymysql.connect(
        host="127.0.0.1",
        port=stack.ports.known()["mysql"],
        user="shopkeeper",
        password=stack.home.passwords["mysql.shopkeeper"],
        database="shop",
    ) as connection:
        yield connection


def run(connection: pymysql.Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def source_rows(connection: pymysql.Connection) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, n FROM orders ORDER BY id")
        return list(cursor.fetchall())


def target_rows(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.query("SELECT id, n FROM raw.orders WHERE NOT _deleted ORDER BY id")


@pytest.mark.parametrize("table", [ORDERS, NUMBERED], ids=["a time", "a number"])
def test_a_pass_reads_what_changed_and_little_else(
    table: Table, pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    assert pipeline.run(table).read == 100
    run(shop, "UPDATE orders SET n = 1, version = 1000 + id WHERE id <= 5")
    run(shop, "INSERT INTO orders (id, n, version) VALUES (101, 1, 2000)")
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (1, 5, 0)
    assert result.read < 10
    assert target_rows(pipeline) == source_rows(shop)
    assert not result.notes


@pytest.mark.parametrize("table", [ORDERS, NUMBERED], ids=["a time", "a number"])
def test_a_replay_writes_nothing(table: Table, pipeline: Pipeline) -> None:
    pipeline.run(table)
    written = "SELECT max(_batch), (SELECT last FROM sync.batch) FROM raw.orders"
    before = pipeline.query(written)
    result = pipeline.run(replace(table, overlap_seconds=1e6))
    assert (result.changed, result.batch) == (0, None)
    assert pipeline.query(written) == before


@pytest.mark.parametrize("table", [ORDERS, NUMBERED], ids=["a time", "a number"])
def test_a_commit_that_comes_late_is_not_missed(
    table: Table, pipeline: Pipeline, shop: pymysql.Connection, other: pymysql.Connection
) -> None:
    pipeline.run(table)
    for late in range(200, 230, 3):  # the server's cache of transactions must never be taken for the present
        run(other, f"INSERT INTO orders (id, n, version) VALUES ({late}, 7, {late})")
        run(shop, f"INSERT INTO orders (id, n, version) VALUES ({late + 1}, 7, {late + 1})")
        pipeline.run(table)
        run(shop, f"INSERT INTO orders (id, n, version) VALUES ({late + 2}, 7, {late + 2})")
        pipeline.run(table)
        other.commit()
        pipeline.run(table)
        assert target_rows(pipeline) == source_rows(shop)


def test_a_statement_that_waits_before_its_transaction_begins_is_not_missed(
    pipeline: Pipeline, shop: pymysql.Connection, other: pymysql.Connection, urls: dict[str, str]
) -> None:
    """Its now() is fixed although no transaction shows it yet."""
    pipeline.run(ORDERS)
    run(shop, "LOCK TABLES orders READ")
    other.autocommit(True)
    other._execute_command(3, "INSERT INTO orders (id, n, version) VALUES (300, 7, 300)")  # type: ignore[attr-defined]
    try:
        with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
            Pipeline(source, pipeline.target_url).run(ORDERS)
    finally:
        run(shop, "UNLOCK TABLES")
        other._read_query_result()  # type: ignore[attr-defined]
    run(shop, "INSERT INTO orders (id, n, version) VALUES (301, 7, 301)")
    pipeline.run(ORDERS)
    assert target_rows(pipeline) == source_rows(shop)


def test_a_tie_on_the_cursor_is_read_again(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(NUMBERED)
    run(shop, "INSERT INTO orders (id, n, version) VALUES (400, 1, 500)")
    pipeline.run(NUMBERED)
    run(shop, "INSERT INTO orders (id, n, version) VALUES (401, 1, 500)")
    assert pipeline.run(NUMBERED).inserted == 1
    assert target_rows(pipeline) == source_rows(shop)


def test_rows_without_a_cursor_are_always_read(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    run(shop, "INSERT INTO orders (id, n, updated_at) VALUES (500, 1, NULL)")
    assert pipeline.run(ORDERS).inserted == 1
    run(shop, "UPDATE orders SET n = 2, updated_at = NULL WHERE id = 500")
    assert pipeline.run(ORDERS).updated == 1


def test_a_cursor_of_the_far_future_does_not_hide_what_comes_after(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    run(shop, "UPDATE orders SET updated_at = '2037-01-01' WHERE id = 1")
    pipeline.run(ORDERS)
    run(shop, "INSERT INTO orders (id, n) VALUES (600, 1)")
    assert pipeline.run(ORDERS).inserted == 1


def test_a_local_time_without_a_zone_is_followed_in_any_zone(
    pipeline: Pipeline, shop: pymysql.Connection, other: pymysql.Connection
) -> None:
    run(shop, "ALTER TABLE orders MODIFY updated_at DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6)")
    run(shop, "SET time_zone = '-11:00'", "UPDATE orders SET updated_at = NOW(6)")
    run(other, "SET time_zone = '-11:00'")
    pipeline.run(ORDERS)
    run(other, "INSERT INTO orders (id, n) VALUES (700, 7)")
    run(shop, "INSERT INTO orders (id, n) VALUES (701, 7)")
    pipeline.run(ORDERS)
    other.commit()
    pipeline.run(ORDERS)
    assert target_rows(pipeline) == source_rows(shop)


def test_deletes_are_found_where_the_counts_differ(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    run(shop, "DELETE FROM orders WHERE id = 1")
    assert pipeline.run(ORDERS).deleted == 0
    result = pipeline.run(ORDERS, compare=Compare.COUNTS)
    assert (result.deleted, result.compared) == (1, True)
    assert not pipeline.run(ORDERS, compare=Compare.COUNTS).compared


def test_a_comparison_of_everything_finds_a_change_that_left_the_cursor_behind(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    pipeline.run(ORDERS)
    run(shop, "UPDATE orders SET n = 9, updated_at = '2001-01-01' WHERE id = 3")
    run(shop, "DELETE FROM orders WHERE id = 4", "INSERT INTO orders (id, n) VALUES (800, 1)")
    result = pipeline.run(ORDERS, compare=Compare.ALL)
    assert (result.inserted, result.updated, result.deleted) == (1, 1, 1)
    assert target_rows(pipeline) == source_rows(shop)


def test_a_changed_strategy_goes_on_from_the_rows_that_are_there(pipeline: Pipeline) -> None:
    batch = pipeline.run(replace(ORDERS, strategy=Strategy.FULL)).batch
    first = pipeline.run(ORDERS)
    assert (first.read, first.changed) == (100, 0)
    assert pipeline.run(ORDERS).read < 100
    assert pipeline.run(NUMBERED).read == 100
    assert pipeline.run(replace(ORDERS, strategy=Strategy.FULL)).changed == 0
    assert pipeline.query("SELECT DISTINCT _batch FROM raw.orders") == [(batch,)]


def test_without_the_right_to_see_transactions_it_says_so(
    pipeline: Pipeline, shop: pymysql.Connection, urls: dict[str, str]
) -> None:
    with closing(MySQLSource(urls["SOFTCART_MYSQL_ADMIN_URL"])) as source:
        blind = Pipeline(source, pipeline.target_url)
        assert "GRANT PROCESS" in blind.run(ORDERS).notes[0]
        run(shop, "INSERT INTO orders (id, n) VALUES (900, 1)")
        assert blind.run(ORDERS).inserted == 1


def test_a_quarantined_row_stays_until_it_is_read_again(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    run(shop, "SET sql_mode = ''", "ALTER TABLE orders ADD day DATE")
    run(shop, "UPDATE orders SET day = '0000-00-00' WHERE id IN (1, 2)")
    assert pipeline.run(ORDERS).quarantined == 2
    run(shop, "UPDATE orders SET n = 5, day = '2026-01-01' WHERE id = 1")
    result = pipeline.run(ORDERS)
    assert (result.inserted, result.quarantined) == (1, 1)
    assert [key for _, key, _ in pipeline.rejected()] == ["2"]
    run(shop, "UPDATE orders SET n = 6, day = '0000-00-00' WHERE id = 1")
    result = pipeline.run(ORDERS)
    assert (result.deleted, result.quarantined) == (0, 2)
    assert pipeline.query("SELECT n FROM raw.orders WHERE id = 1 AND NOT _deleted") == [(5,)]


def test_a_marked_table_is_read_again_whole_once(pipeline: Pipeline) -> None:
    pipeline.run(ORDERS)
    pipeline.query("UPDATE sync.tables SET retry = true")
    assert pipeline.run(ORDERS).read == 100
    assert pipeline.run(ORDERS).read < 100


@pytest.mark.parametrize("first", [True, False], ids=["a new table", "a table that is there"])
def test_a_dry_run_tells_what_it_would_do_and_leaves_no_trace(
    first: bool, pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    traces = (
        "SELECT (SELECT last FROM sync.batch), (SELECT count(*) FROM sync.tables),"
        " (SELECT array_agg(relname::text ORDER BY 1) FROM pg_class"
        " WHERE relnamespace = to_regnamespace('raw')), (SELECT count(*) FROM quarantine.rejected_rows)"
    )
    if not first:
        pipeline.run(ORDERS)
        before = pipeline.query(traces)
    run(shop, "ALTER TABLE orders ADD note TEXT", "UPDATE orders SET n = 1 WHERE id <= 3")
    result = pipeline.run(ORDERS, dry_run=True)
    if first:
        assert (result.inserted, result.updated) == (100, 0)
        names = ("sync", "quarantine", "raw")
        there = ", ".join(f"to_regnamespace('{name}')" for name in names)
        assert pipeline.query(f"SELECT {there}") == [(None, None, None)]
    else:
        assert (result.inserted, result.updated) == (0, 3)
        assert pipeline.query(traces) == before


def test_a_paused_table_is_left_alone(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    run(shop, "UPDATE orders SET n = 1")
    result = pipeline.run(replace(ORDERS, paused=True))
    assert (result.paused, result.rows, result.changed) == (True, 100, 0)
    assert target_rows(pipeline)[0] == (1, 0)


def test_a_new_column_is_filled_for_all_rows(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    run(shop, "SET time_zone = '+00:00'", "ALTER TABLE orders ADD note VARCHAR(10) NOT NULL DEFAULT 'x'")
    pipeline.run(ORDERS)
    assert pipeline.query("SELECT count(*) FROM raw.orders WHERE note = 'x'") == [(100,)]


def test_a_cursor_without_an_order_is_refused(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    run(shop, "ALTER TABLE orders ADD note TEXT")
    with pytest.raises(SyncError, match=r"raw\.orders: cursor note is text; a watermark needs a time or a"):
        pipeline.run(replace(ORDERS, cursor="note"))
    with pytest.raises(SyncError, match=r"raw\.orders: it has no cursor column 'changed'"):
        pipeline.run(replace(ORDERS, cursor="changed"))
