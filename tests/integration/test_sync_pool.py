"""A target, a source or a warehouse behind pgbouncer: session mode changes nothing, transaction mode is
refused by name before a row of one table can end in another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg2
import pymysql
import pytest

from resources.postgresql import PostgreSQLResource
from resources.warehouse import WarehouseResource
from stack.cluster import Cluster
from sync.connections import postgresql_pool
from sync.connections.postgresql import connect_postgresql
from sync.engine import run_pass
from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Strategy, Table
from sync.state import lease, prepare
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.pgbouncer import pgbouncer
from tests.integration.sync_support import Pipeline, execute, query

ORDERS = Table("orders", "mysql", "shop", ("id",), strategy=Strategy.LOG)
TABLES = [replace(ORDERS, name=f"orders_{number}") for number in range(3)]
REFUSED = "pool in transaction mode.*pool_mode=session"


@pytest.fixture
def orders(shop: pymysql.Connection) -> pymysql.Connection:
    for number, table in enumerate(TABLES):
        execute(
            shop,
            f"CREATE TABLE {table.name} (id INT PRIMARY KEY, n INT)",
            f"INSERT INTO {table.name} SELECT {number * 1000} + seq, seq FROM seq_1_to_100",
        )
    return shop


def touch(shop: pymysql.Connection) -> None:
    execute(shop, *(f"UPDATE {table.name} SET n = n + 1" for table in TABLES))


def test_passes_through_a_pool_in_session_mode_are_right(
    stack: Cluster, orders: pymysql.Connection, urls: dict[str, str], staging: str, tmp_path: Path
) -> None:
    def one(table: Table) -> int:
        with (
            closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source,
            closing(PostgreSQLTarget(url)) as target,
        ):
            return run_pass(table, source, target, "test").rows

    with pgbouncer(stack, staging, tmp_path, "session", size=8) as url:
        for _ in range(2):
            with ThreadPoolExecutor(3) as threads:
                assert list(threads.map(one, TABLES)) == [100] * 3
            touch(orders)
    for number, table in enumerate(TABLES):
        spread = f"SELECT count(*), min(id), max(id) FROM raw.{table.name}"
        assert query(staging, spread) == [(100, number * 1000 + 1, number * 1000 + 100)]


def test_a_pool_with_room_for_one_session_alone_serves_it(
    stack: Cluster, orders: pymysql.Connection, urls: dict[str, str], staging: str, tmp_path: Path
) -> None:
    with (
        pgbouncer(stack, staging, tmp_path, "session", size=1) as url,
        closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source,
    ):
        assert Pipeline(source, staging).run(TABLES[0]).rows == 100
        with closing(PostgreSQLTarget(url)) as target:
            assert run_pass(TABLES[1], source, target, "test").rows == 100


@pytest.mark.parametrize("round_robin", [0, 1])
def test_a_target_behind_a_pool_in_transaction_mode_is_refused_by_name(
    stack: Cluster,
    orders: pymysql.Connection,
    urls: dict[str, str],
    staging: str,
    tmp_path: Path,
    round_robin: int,
) -> None:
    with (
        pgbouncer(stack, staging, tmp_path, "transaction", round_robin=round_robin) as url,
        closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source,
    ):
        for _ in range(2):
            with pytest.raises(SyncError, match=REFUSED):
                run_pass(TABLES[0], source, PostgreSQLTarget(url), "test")
    assert query(staging, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@pytest.fixture
def unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that has kept its process when it was looked at, as one without other clients may."""
    monkeypatch.setattr(postgresql_pool, "ATTEMPTS", 0)


@pytest.fixture
def pooled(stack: Cluster, staging: str, tmp_path: Path) -> Iterator[str]:
    with pgbouncer(stack, staging, tmp_path, "transaction") as url:
        yield url


def others_take(url: str, number: int) -> list[psycopg2.extensions.connection]:
    """So many connections of others, each in a transaction."""
    taken = [psycopg2.connect(url) for _ in range(number)]
    for each in taken:
        each.cursor().execute("SELECT")
    return taken


@pytest.mark.usefixtures("unnoticed")
def test_a_statement_that_a_pool_hands_to_another_process_is_not_run(pooled: str, staging: str) -> None:
    query(staging, "CREATE TABLE t (id integer)")
    connection = connect_postgresql(pooled)
    with connection, connection.cursor() as cursor:  # no other process can have it meanwhile
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("INSERT INTO t VALUES (2)")
    taken = others_take(pooled, 1)
    for statement in ("INSERT INTO t VALUES (3)", "BEGIN READ WRITE"):
        with pytest.raises(SyncError, match=REFUSED):
            connection.cursor().execute(statement)
    with pytest.raises(SyncError, match=REFUSED), connection:
        connection.cursor().execute("INSERT INTO t VALUES (4)")
    assert query(staging, "SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    for each in taken:
        each.close()


@pytest.mark.usefixtures("unnoticed")
def test_a_lease_that_a_pool_hands_to_another_process_writes_nothing(pooled: str, staging: str) -> None:
    connection = psycopg2.connect(pooled)  # one that nobody has looked at
    connection.autocommit = True
    prepare(connection)
    with lease(connection, "raw.orders", 1) as held:
        taken = others_take(pooled, 1)
        with pytest.raises(SyncError, match=REFUSED), connection:
            held.check(connection.cursor())
    for each in taken:
        each.close()


def test_a_source_behind_a_pool_in_transaction_mode_is_refused_by_name(pooled: str) -> None:
    with closing(PostgreSQLSource(pooled)) as source, pytest.raises(SyncError, match=REFUSED):
        source.describe(Table("t", "postgresql", "public", ("id",)))


def test_staging_behind_a_pool_in_transaction_mode_is_refused_by_name(pooled: str) -> None:
    with pytest.raises(SyncError, match=REFUSED), PostgreSQLResource(url=pooled).connect():
        pass


def test_production_behind_a_pool_in_transaction_mode_is_refused_by_name(pooled: str) -> None:
    with (
        pytest.raises(SyncError, match=REFUSED),
        WarehouseResource(url=pooled).warehouse() as warehouse,
        warehouse.reader(),
    ):
        pass
