"""Change data capture from MariaDB: what the log tells arrives, in order, at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from stack.cluster import Cluster
from stack.mariadb import MariaDB
from sync.engine import run_passes
from sync.errors import SyncError, TransientError
from sync.passes import Options, PassResult
from sync.sources.mysql import session as mysql_session
from sync.sources.mysql.source import MySQLSource
from sync.spec import Column, Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.sync_support import Pipeline

ORDERS = Table("orders", "mysql", "shop", key=("id",), strategy=Strategy.LOG, history=True)
LINES = Table("lines", "mysql", "shop", key=("order_id", "line"), strategy=Strategy.LOG)


@pytest.fixture
def pipeline(shop: pymysql.Connection, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    run(
        shop,
        "CREATE TABLE orders (id INT PRIMARY KEY, n INT, note VARCHAR(20))",
        "CREATE TABLE `lines` (order_id INT, line VARCHAR(10), n INT, PRIMARY KEY (order_id, line))",
        "INSERT INTO orders SELECT seq, 0, 'x' FROM seq_1_to_100",
        "INSERT INTO `lines` SELECT seq, 'a', 0 FROM seq_1_to_100",
    )
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


def run(connection: pymysql.Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def both(pipeline: Pipeline, **options: Any) -> dict[Table, PassResult | SyncError]:
    target = PostgreSQLTarget(pipeline.target_url)
    return dict(run_passes([ORDERS, LINES], pipeline.source, target, "test", Options(**options)))


def assert_equal(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    with shop.cursor() as cursor:
        cursor.execute("SELECT id, n, note FROM orders ORDER BY id")
        orders = list(cursor.fetchall())
        cursor.execute("SELECT order_id, line, n FROM `lines` ORDER BY order_id, CAST(line AS BINARY)")
        lines = list(cursor.fetchall())
    assert pipeline.query("SELECT id, n, note FROM raw.orders WHERE NOT _deleted ORDER BY id") == orders
    query = 'SELECT order_id, line, n FROM raw.lines WHERE NOT _deleted ORDER BY order_id, line COLLATE "C"'
    assert pipeline.query(query) == lines


def test_inserts_updates_deletes_and_changed_keys_arrive(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    assert pipeline.run(ORDERS).read == 100
    run(
        shop,
        "INSERT INTO orders VALUES (101, 1, 'new')",
        "UPDATE orders SET n = 1 WHERE id <= 3",
        "DELETE FROM orders WHERE id = 4",
        "UPDATE orders SET id = 500 WHERE id = 5",
    )
    result = pipeline.run(ORDERS)
    assert (result.read, result.inserted, result.updated, result.deleted) == (5, 2, 3, 2)
    assert not result.compared
    both(pipeline)
    assert_equal(pipeline, shop)


def test_a_replay_of_the_log_writes_nothing(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    before = pipeline.query("SELECT position FROM sync.tables")[0][0]
    run(shop, "UPDATE orders SET n = 1 WHERE id <= 3", "DELETE FROM orders WHERE id = 4")
    assert pipeline.run(ORDERS).changed == 4
    pipeline.query(f"UPDATE sync.tables SET position = '{before}'")
    result = pipeline.run(ORDERS)
    assert (result.read, result.changed, result.batch) == (3, 0, None)


def test_a_row_that_comes_and_goes_between_two_batches_leaves_no_trace(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    pipeline.run(ORDERS)
    run(shop, "INSERT INTO orders VALUES (900, 1, 'x')", "DELETE FROM orders WHERE id = 900")
    assert pipeline.run(ORDERS).changed == 0


def test_tables_that_are_followed_together_show_one_moment(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    both(pipeline)
    run(
        shop,
        "START TRANSACTION",
        "INSERT INTO orders VALUES (700, 7, 'x')",
        "INSERT INTO `lines` VALUES (700, 'a', 7), (700, 'B', 7)",
        "COMMIT",
    )
    results = both(pipeline)
    assert [result.inserted for result in results.values() if isinstance(result, PassResult)] == [1, 2]
    assert len(set(pipeline.query("SELECT position, synced_at FROM sync.tables"))) == 1
    assert_equal(pipeline, shop)


def test_keys_that_a_collation_takes_for_equal_are_told_apart(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    both(pipeline)
    run(shop, "INSERT INTO `lines` VALUES (1, 'abc', 1)")
    both(pipeline)
    run(shop, "UPDATE `lines` SET line = 'ABC' WHERE order_id = 1 AND line = 'abc'")
    both(pipeline)
    assert_equal(pipeline, shop)


def test_keys_in_letters_of_another_character_set_are_found_again(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    run(
        shop,
        "ALTER TABLE `lines` MODIFY line VARCHAR(10) CHARACTER SET latin1",
        "INSERT INTO `lines` VALUES (200, 'é', 0), (200, 'ß', 0)",
    )
    both(pipeline)
    run(shop, "UPDATE `lines` SET n = 1 WHERE order_id = 200")
    result = both(pipeline)[LINES]
    assert isinstance(result, PassResult)
    assert (result.updated, result.deleted) == (2, 0)
    assert_equal(pipeline, shop)


@pytest.mark.parametrize(
    "statements",
    [
        ["TRUNCATE TABLE orders", "INSERT INTO orders VALUES (1, 5, 'x')"],
        ["ALTER TABLE orders MODIFY note VARCHAR(40) NOT NULL DEFAULT 'y'"],
        [
            "CREATE TABLE orders_new LIKE orders",
            "INSERT INTO orders_new SELECT id + 1000, n, note FROM orders",
            "RENAME TABLE orders TO orders_old, orders_new TO orders",
        ],
        ["DROP TABLE orders", "CREATE TABLE orders (id INT PRIMARY KEY, n INT, note VARCHAR(20))"],
    ],
    ids=["truncate", "alter", "copy and rename", "drop and create"],
)
def test_a_statement_that_names_no_rows_leads_to_a_complete_reading(
    statements: list[str], pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    both(pipeline)
    run(shop, "UPDATE orders SET n = 3 WHERE id = 7", *statements)
    result = both(pipeline)[ORDERS]
    assert isinstance(result, PassResult)
    assert result.compared
    assert "read whole, since it was" in result.notes[0]
    assert_equal(pipeline, shop)


def test_a_table_that_cannot_be_followed_holds_no_other_back(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    both(pipeline)
    run(shop, "DROP TABLE orders", "UPDATE `lines` SET n = 9 WHERE order_id = 1")
    results = both(pipeline)
    assert isinstance(results[ORDERS], SyncError)
    lines = results[LINES]
    assert isinstance(lines, PassResult)
    assert lines.updated == 1


def test_a_row_that_cannot_be_loaded_goes_to_quarantine_and_comes_back(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    table = replace(ORDERS, columns=(Column("id", "integer"), Column("note", "character varying(5)")))
    pipeline.run(table)
    run(shop, "UPDATE orders SET note = 'too long' WHERE id = 1")
    result = pipeline.run(table)
    assert (result.quarantined, result.deleted) == (1, 0)
    assert [key for _, key, _ in pipeline.rejected()] == ["1"]
    run(shop, "UPDATE orders SET note = 'fits' WHERE id = 1")
    assert pipeline.run(table).quarantined == 0
    run(shop, "UPDATE orders SET note = 'too long' WHERE id = 1")
    pipeline.run(table)
    run(shop, "DELETE FROM orders WHERE id = 1")
    result = pipeline.run(table)
    assert (result.quarantined, result.deleted) == (0, 1)


def test_a_key_whose_letters_the_log_does_not_explain_is_refused_before_anything_is_loaded(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    run(
        shop,
        "CREATE TABLE words (word VARCHAR(9) CHARACTER SET gbk, size ENUM('小') CHARACTER SET gbk,"
        " PRIMARY KEY (word, size))",
        "INSERT INTO words VALUES ('中', '小')",
    )
    words = Table("words", "mysql", "shop", key=("word", "size"), strategy=Strategy.LOG)
    with pytest.raises(SyncError, match=r"raw\.words: key column word: .* gbk .* declare strategy full"):
        pipeline.run(words)
    assert pipeline.query("SELECT to_regclass('raw.words')") == [(None,)]
    assert pipeline.run(replace(words, strategy=Strategy.FULL)).inserted == 1


def test_a_purged_position_is_refused_with_the_way_out(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    pipeline.run(ORDERS)
    gone = '{"file": "mysql-bin.000000", "position": 4, "gtid": ""}'
    pipeline.query(f"UPDATE sync.tables SET position = '{gone}'")
    with pytest.raises(SyncError, match=r"no longer has the log from there on.*--reload"):
        pipeline.run(ORDERS)
    run(shop, "UPDATE orders SET n = 3 WHERE id = 7")
    assert pipeline.run(ORDERS, reload=True).updated == 1


def test_of_a_dropped_table_it_is_said_that_its_rows_were_kept(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    pipeline.run(ORDERS)
    run(shop, "DROP TABLE orders")
    with pytest.raises(
        SyncError, match=r"no table shop\.orders.*100 rows came from it, and were kept.*restore"
    ):
        pipeline.run(ORDERS)
    assert pipeline.query("SELECT count(*) FROM raw.orders WHERE NOT _deleted") == [(100,)]


def test_a_log_that_was_begun_anew_is_refused_until_the_table_is_reloaded(
    pipeline: Pipeline, shop: pymysql.Connection, stack: Cluster
) -> None:
    with MariaDB(stack.home).connect(stack.ports.known()["mysql"]) as root:
        run(root, "RESET MASTER")
        run(shop, *(f"UPDATE orders SET n = 1 WHERE id = {number}" for number in range(1, 5)))
        pipeline.run(ORDERS)
        run(root, "RESET MASTER")
    run(shop, *(f"UPDATE orders SET n = 2 WHERE id = {number}" for number in range(1, 9)))
    with pytest.raises(SyncError, match=r"its log was begun anew.*--reload"):
        pipeline.run(ORDERS)
    assert pipeline.run(ORDERS, reload=True).updated == 8


def test_a_table_goes_on_from_its_rows_when_it_begins_to_follow_the_log(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    batch = pipeline.run(replace(ORDERS, strategy=Strategy.FULL)).batch
    run(shop, "UPDATE orders SET n = 3 WHERE id = 7")
    assert pipeline.run(ORDERS).changed == 1
    assert pipeline.query(f"SELECT count(*) FROM raw.orders WHERE _batch = {batch}") == [(99,)]


def test_a_locked_table_is_named_and_holds_no_other_one_back(
    pipeline: Pipeline, shop: pymysql.Connection, urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both(pipeline)
    run(shop, "UPDATE orders SET n = 1 WHERE id = 1", "UPDATE `lines` SET n = 1 WHERE order_id = 1")
    monkeypatch.setitem(mysql_session.COMMON, "lock_wait_timeout", "1")
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as hasty:
        run(shop, "LOCK TABLES `lines` WRITE")
        outcomes = both(replace(pipeline, source=hasty))
        run(shop, "UNLOCK TABLES")
        refused, orders = outcomes[LINES], outcomes[ORDERS]
        assert isinstance(refused, TransientError)
        assert "raw.lines: Lock wait timeout exceeded" in str(refused)
        assert "SHOW FULL PROCESSLIST tells who" in str(refused)
        assert isinstance(orders, PassResult)
        assert orders.updated == 1
        both(replace(pipeline, source=hasty))
    assert_equal(pipeline, shop)
