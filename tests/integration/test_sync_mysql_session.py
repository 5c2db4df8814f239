"""A server's own settings do not change which rows arrive, on MariaDB and on a real MySQL."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pymysql
import pytest

from sync.connections.mysql_connection import MySQLConnection
from sync.connections.urls import parse
from sync.errors import SyncError
from sync.sources.base import Touched
from sync.sources.mysql import reread as mysql_reread
from sync.sources.mysql.session import UNLIMITED, connect
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.integration.mysql_server import Server
from tests.integration.sync_support import Pipeline, execute

KEYS = 1200
LIVE = "SELECT count(*) FILTER (WHERE NOT _deleted), count(*) FILTER (WHERE _deleted) FROM raw.item"
# What shops set against careless readers, with the value that a session's variable has to have even so.
LIMITS = {
    "sql_select_limit": 100,
    "wait_timeout": 1,
    "interactive_timeout": 1,
    "net_write_timeout": 1,
    "net_read_timeout": 1,
    "max_join_size": 10,
    "sql_auto_is_null": 1,
    "sql_buffer_result": 1,
    "completion_type": 2,
    "sql_mode": "ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,STRICT_TRANS_TABLES",
    "time_zone": "+09:00",
    "lc_time_names": "de_DE",
    "lc_messages": "de_DE",
    "character_set_server": "latin1",
    "sql_quote_show_create": 0,
}
MARIADB_LIMITS = {
    "max_statement_time": 0.000001,
    "tx_isolation": "READ-UNCOMMITTED",
    "idle_transaction_timeout": 1,
    "idle_readonly_transaction_timeout": 1,
    "system_versioning_asof": "2001-01-01 00:00:00",
}
MYSQL_LIMITS = {
    "max_execution_time": 1,
    "transaction_isolation": "READ-UNCOMMITTED",
    "range_optimizer_max_mem_size": 1,
    "show_gipk_in_create_table_and_information_schema": 0,
}


def limits(server: Server) -> dict[str, Any]:
    return LIMITS | (MARIADB_LIMITS if server.mariadb else MYSQL_LIMITS)


def item(strategy: Strategy, *key: str) -> Table:
    return Table("item", "mysql", "shop", key or ("id",), strategy=strategy)


def fill(server: Server, rows: int = KEYS) -> None:
    server.run("CREATE TABLE item (id INT PRIMARY KEY, v INT, s CHAR(10), at TIMESTAMP NOT NULL)")
    values = ", ".join(rf"({n}, {n}, 'a\\b', '2024-05-02 08:00:00')" for n in range(1, rows + 1))
    server.run("SET time_zone = '+00:00'", f"INSERT INTO item VALUES {values}")


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_what_a_server_limits_or_sets_by_default_changes_no_row(server: Server, strategy: Strategy) -> None:
    fill(server)
    server.pipeline.run(item(strategy))
    with server.set(limits(server)):
        server.run("UPDATE item SET v = -id WHERE id % 2 = 0", "DELETE FROM item WHERE id <= 10")
        with closing(MySQLSource(server.url)) as source:
            Pipeline(source, server.pipeline.target_url).run(item(strategy))
    assert server.pipeline.query(LIVE) == [(KEYS - 10, 10)]
    different = r"""
        SELECT count(*) FROM raw.item WHERE NOT _deleted AND (s <> 'a\b' OR at <> '2024-05-02 08:00:00+00'
        OR v <> CASE id % 2 WHEN 0 THEN -id ELSE id END)"""
    assert server.pipeline.query(different) == [(0,)]


def test_a_first_load_under_limits_holds_every_row(server: Server) -> None:
    fill(server)
    with server.set(limits(server)), closing(MySQLSource(server.url)) as source:
        Pipeline(source, server.pipeline.target_url).run(item(Strategy.LOG))
    assert server.pipeline.query(LIVE) == [(KEYS, 0)]


def limited(url: Any, **options: Any) -> pymysql.Connection[Any]:
    """A connection with a limit of its own, which stands for what no list of variables foresees."""
    connection = connect(url, **options)
    execute(connection, "SET SESSION sql_select_limit = 100")
    return connection


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_a_limit_that_a_session_cannot_lift_stops_the_pass_before_it_deletes(
    server: Server, monkeypatch: pytest.MonkeyPatch, strategy: Strategy
) -> None:
    fill(server)
    server.pipeline.run(item(strategy))
    server.run("UPDATE item SET v = v + 1")
    with monkeypatch.context() as patched, closing(MySQLSource(server.url)) as source:
        patched.setattr("sync.sources.mysql.source.connect", limited)
        with pytest.raises(SyncError, match=r"raw\.item: .*(counts 1200|asked for by itself)"):
            Pipeline(source, server.pipeline.target_url).run(item(strategy))
    assert server.pipeline.query(LIVE) == [(KEYS, 0)]
    server.pipeline.run(item(strategy))
    assert server.pipeline.query("SELECT count(*) FROM raw.item WHERE v = id + 1") == [(KEYS,)]


def test_a_first_load_that_was_cut_short_is_not_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server)
    with monkeypatch.context() as patched, closing(MySQLSource(server.url)) as source:
        patched.setattr("sync.sources.mysql.source.connect", limited)
        with pytest.raises(SyncError, match="counts 1200"):
            Pipeline(source, server.pipeline.target_url).run(item(Strategy.LOG))
    server.pipeline.run(item(Strategy.LOG))
    assert server.pipeline.query(LIVE) == [(KEYS, 0)]


def test_a_server_that_keeps_a_variable_at_a_value_is_refused_by_name(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a proxy does that swallows SET."""

    class Deaf(MySQLConnection):
        def query(self, sql: str | bytes, unbuffered: bool = False) -> int:
            text = sql.decode() if isinstance(sql, bytes) else sql
            text = text.replace(f"SESSION sql_select_limit = {UNLIMITED}", "SESSION sql_notes = 1")
            return int(super().query(text, unbuffered))

    with server.set({"sql_select_limit": 7}), monkeypatch.context() as patched:
        patched.setattr("sync.connections.mysql_connection.MySQLConnection", Deaf)
        with pytest.raises(SyncError, match="the session's sql_select_limit is '7'"):
            connect(parse(server.url))


def test_long_keys_are_asked_for_in_statements_that_the_server_takes(server: Server) -> None:
    server.run(
        "CREATE TABLE item (url VARCHAR(700) CHARACTER SET utf8mb4 NOT NULL, hits INT, PRIMARY KEY (url))"
    )
    letters = "каталог/" * 60
    for start in range(0, 3000, 500):
        values = ", ".join(f"('{letters}{n}', 0)" for n in range(start, start + 500))
        server.run(f"INSERT INTO item VALUES {values}")
    server.pipeline.run(item(Strategy.LOG, "url"))
    server.run("UPDATE item SET hits = 1", "DELETE FROM item WHERE url LIKE '%7'")
    with server.set({"max_allowed_packet": 1 << 20}), closing(MySQLSource(server.url)) as source:
        Pipeline(source, server.pipeline.target_url).run(item(Strategy.LOG, "url"))
    assert server.pipeline.query("SELECT sum(hits) FROM raw.item WHERE NOT _deleted") == [(2700,)]


def test_a_key_that_a_list_of_keys_misses_is_no_delete(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, 5)
    together = mysql_reread.Reread._where

    def missing_two(reread: mysql_reread.Reread, keys: list[Any]) -> str:
        return together(reread, keys) + (" AND id <> 2" if len(keys) > 1 else "")

    table = item(Strategy.LOG)
    with closing(MySQLSource(server.url)) as source:
        columns = source.describe(table).columns
        monkeypatch.setattr(mysql_reread.Reread, "_where", missing_two)
        with (
            source.snapshot() as snapshot,
            pytest.raises(SyncError, match=r"shows 0 of 2 rows .* and 1 when each is asked for by itself"),
        ):
            list(snapshot.reread(table, columns, Touched([(1,), (2,), (9,)], 3)))
