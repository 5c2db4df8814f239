"""Connections that the engine keeps between passes, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from sync.connections.mysql import connect_mysql
from sync.engine import run_pass
from sync.sources.mysql.source import MySQLSource
from sync.spec import Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.cli.command import Shop, execute
from tests.integration.sync_support import query

SESSIONS = "SELECT id FROM information_schema.processlist WHERE user = 'softcart' AND id <> CONNECTION_ID()"
SALES = Table("sales_data", "mysql", "shop", ("rowid",))


@pytest.fixture
def sales(shop: Shop) -> Shop:
    execute(
        shop,
        "CREATE TABLE sales_data (rowid BIGINT PRIMARY KEY)",
        "INSERT INTO sales_data VALUES (1), (2), (3)",
    )
    return shop


@pytest.fixture
def reader(urls: dict[str, str]) -> Iterator[Shop]:
    with closing(connect_mysql(urls["SOFTCART_MYSQL_URL"])) as connection:
        yield connection


def sessions(reader: Shop) -> set[int]:
    """The other connections of the reader's user."""
    with reader.cursor() as cursor:
        cursor.execute(SESSIONS)
        return {number for (number,) in cursor.fetchall()}


def test_snapshots_share_a_connection_unless_a_reading_was_left(
    sales: Shop, reader: Shop, urls: dict[str, str]
) -> None:
    url = urls["SOFTCART_MYSQL_URL"]
    before = sessions(reader)
    with closing(MySQLSource(url)) as source:
        columns = source.describe(SALES).columns
        opened = []
        for _ in range(2):
            with source.snapshot() as snapshot:
                assert sum(chunk.rows for chunk in snapshot.read(SALES, columns)) == 3
            opened.append(sessions(reader) - before)
        assert opened[0] == opened[1]
        with source.snapshot() as snapshot:
            next(snapshot.read(SALES, columns))
        with source.snapshot() as snapshot:
            assert snapshot.count(SALES) == 3
            assert sessions(reader) - before != opened[0]


def test_a_snapshot_shows_what_was_committed_after_the_one_before(sales: Shop, urls: dict[str, str]) -> None:
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        with source.snapshot() as snapshot:
            assert snapshot.count(SALES) == 3
        execute(sales, "INSERT INTO sales_data VALUES (4)")
        with source.snapshot() as snapshot:
            assert snapshot.count(SALES) == 4


def test_a_kept_connection_that_the_server_has_closed_is_opened_anew(
    sales: Shop, reader: Shop, urls: dict[str, str], staging: str
) -> None:
    url = urls["SOFTCART_MYSQL_URL"]
    before = sessions(reader)
    with closing(MySQLSource(url)) as source:
        with source.snapshot():
            pass
        (kept,) = sessions(reader) - before
        reader.kill(kept)
        with source.snapshot() as snapshot:
            assert snapshot.taken_at
    with closing(MySQLSource(url)) as source, closing(PostgreSQLTarget(staging)) as target:
        run_pass(SALES, source, target, "one")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        assert query(staging, f"{end} AND pid <> pg_backend_pid()") == [(True,)]
        assert run_pass(SALES, source, target, "two").rows == 3
