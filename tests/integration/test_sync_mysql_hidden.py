"""Columns that the reader may not see, that nobody sees, or that each session sees another value of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest

from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.integration.mysql_server import Server
from tests.integration.sync_support import Pipeline

READER = "partial"


def item(*key: str, exclude: frozenset[str] = frozenset(), strategy: Strategy = Strategy.LOG) -> Table:
    return Table("item", "mysql", "shop", key or ("id",), strategy=strategy, exclude=exclude)


@pytest.fixture
def partial(server: Server) -> Iterator[Pipeline]:
    """The pipeline of a reader with rights to single columns, which a test grants."""
    server.run(
        f"DROP USER IF EXISTS {READER}",
        f"CREATE USER {READER} IDENTIFIED BY '{READER}'",
        f"GRANT REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.* TO {READER}",
    )
    parts = urlsplit(server.url)
    url = urlunsplit(parts._replace(netloc=f"{READER}:{READER}@{parts.hostname}:{parts.port}"))
    with closing(MySQLSource(url)) as source:
        yield Pipeline(source, server.pipeline.target_url)
    server.run(f"DROP USER {READER}")


@pytest.mark.parametrize("metadata", ["MINIMAL", "FULL"])
def test_a_key_behind_columns_that_the_reader_may_not_see_is_followed(
    server: Server, partial: Pipeline, metadata: str
) -> None:
    server.run(
        "CREATE TABLE item (ssn INT NOT NULL, name TEXT, id INT NOT NULL PRIMARY KEY, qty INT NOT NULL)",
        "INSERT INTO item VALUES (900, 'a', 1, 5), (800, 'b', 2, 5), (700, 'c', 3, 5)",
        f"GRANT SELECT (id, qty) ON shop.item TO {READER}",
    )
    with server.set({"binlog_row_metadata": metadata}):
        partial.run(item())
        server.run(
            "UPDATE item SET qty = 6 WHERE id = 2",
            "DELETE FROM item WHERE id = 1",
            "INSERT INTO item VALUES (600, 'd', 4, 7)",
        )
        partial.run(item())
    assert partial.query("SELECT id, qty, _deleted FROM raw.item ORDER BY id") == [
        (1, 5, True),
        (2, 6, False),
        (3, 5, False),
        (4, 7, False),
    ]


def test_a_composite_key_that_is_hidden_in_part_is_no_key(server: Server, partial: Pipeline) -> None:
    server.run(
        "CREATE TABLE item (tenant INT NOT NULL, id INT NOT NULL, qty INT, PRIMARY KEY (id, tenant))",
        "INSERT INTO item VALUES (1, 1, 5), (2, 1, 5)",
        f"GRANT SELECT (id, qty) ON shop.item TO {READER}",
    )
    with pytest.raises(SyncError, match=r"shows a key \(id\) twice"):
        partial.run(item())
    assert partial.query("SELECT to_regclass('raw.item')") == [(None,)]


def test_an_invisible_column_before_the_key_does_not_hide_it(server: Server) -> None:
    server.run(
        "CREATE TABLE item (first INT NOT NULL DEFAULT 9 INVISIBLE, id INT NOT NULL PRIMARY KEY, v INT)",
        "INSERT INTO item (id, v) VALUES (1, 1), (2, 2)",
    )
    server.pipeline.run(item())
    server.run("UPDATE item SET v = 3 WHERE id = 1", "DELETE FROM item WHERE id = 2")
    server.pipeline.run(item())
    assert server.pipeline.query("SELECT first, id, v, _deleted FROM raw.item ORDER BY id") == [
        (9, 1, 3, False),
        (9, 2, 2, True),
    ]


@pytest.mark.parametrize("server", ["MySQL"], indirect=True)
def test_a_key_that_the_server_made_and_hides_is_followed(server: Server) -> None:
    server.run(
        "SET SESSION sql_generate_invisible_primary_key = ON",
        "CREATE TABLE item (v INT, KEY by_sum ((v + 1)))",
        "INSERT INTO item VALUES (10), (20)",
        "ALTER TABLE item ADD COLUMN w INT",
    )
    table = item("my_row_id")
    with (
        server.set({"show_gipk_in_create_table_and_information_schema": 0}),
        closing(MySQLSource(server.url)) as source,
    ):
        pipeline = Pipeline(source, server.pipeline.target_url)
        pipeline.run(table)
        server.run("UPDATE item SET v = 11, w = 1 WHERE v = 10", "DELETE FROM item WHERE v = 20")
        pipeline.run(table)
    assert server.pipeline.query("SELECT my_row_id, v, w, _deleted FROM raw.item ORDER BY 1") == [
        (1, 11, 1, False),
        (2, 20, None, True),
    ]


def test_a_virtual_column_of_a_timestamp_is_refused_where_the_shop_is_in_another_zone(
    server: Server,
) -> None:
    server.run(
        "CREATE TABLE item (id INT PRIMARY KEY, at TIMESTAMP NOT NULL,"
        " `tag``1` VARCHAR(9) AS ('now()') VIRTUAL, day DATE AS (DATE(at)) VIRTUAL,"
        " month INT AS (MONTH(day)) VIRTUAL)",
        "SET time_zone = '+00:00'",
        "INSERT INTO item (id, at) VALUES (1, '2024-04-30 23:00:00')",
    )
    with server.set({"time_zone": "+09:00"}):
        for excluded, named in ((set[str](), "day"), ({"day"}, "month")):
            with pytest.raises(
                SyncError, match=rf"column {named} .* is VIRTUAL.* time zone, which is \+09:00"
            ):
                server.pipeline.run(item(exclude=frozenset(excluded)))
        server.pipeline.run(item(exclude=frozenset({"day", "month"})))
    with server.set({"time_zone": "+00:00"}):
        server.pipeline.run(item(), reload=True)
    assert server.pipeline.query('SELECT day::text, month, "tag`1" FROM raw.item') == [
        ("2024-04-30", 4, "now()")
    ]


@pytest.mark.parametrize("server", ["MariaDB"], indirect=True)
@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
@pytest.mark.parametrize(
    "expression",
    ["TIMESTAMPDIFF(SECOND, born, NOW())", "RAND()", "CURRENT_USER()", "DATEDIFF(CURDATE(), born)"],
)
def test_a_virtual_column_of_the_clock_or_of_the_session_is_refused_by_name(
    server: Server, strategy: Strategy, expression: str
) -> None:
    server.run(
        f"CREATE TABLE item (id INT PRIMARY KEY, born DATETIME, x VARCHAR(99) AS ({expression}) VIRTUAL)",
        "INSERT INTO item (id, born) VALUES (1, '2024-01-01')",
    )
    with pytest.raises(SyncError, match=r"column x .* is VIRTUAL.* depends on the clock or the session"):
        server.pipeline.run(item(strategy=strategy))
    server.pipeline.run(item(exclude=frozenset({"x"}), strategy=strategy))
    assert server.pipeline.query("SELECT count(*) FROM raw.item") == [(1,)]


def test_a_subtraction_is_read_as_the_shop_s_own_sessions_see_it(server: Server) -> None:
    with server.set({"sql_mode": "NO_UNSIGNED_SUBTRACTION"}):
        server.run(
            "SET SESSION sql_mode = 'NO_UNSIGNED_SUBTRACTION'",
            "CREATE TABLE item (id INT PRIMARY KEY, a INT UNSIGNED, b INT UNSIGNED,"
            " d INT AS (a - b) VIRTUAL)",
            "INSERT INTO item (id, a, b) VALUES (1, 3, 5)",
        )
        with closing(MySQLSource(server.url)) as source:
            Pipeline(source, server.pipeline.target_url).run(item())
    assert server.pipeline.query("SELECT d FROM raw.item") == [(-2,)]


@pytest.mark.parametrize("server", ["MySQL"], indirect=True)  # MariaDB keeps the mode of the definition
def test_a_column_that_the_server_cannot_compute_has_a_way_out(server: Server) -> None:
    server.run(
        "SET SESSION sql_mode = 'NO_UNSIGNED_SUBTRACTION'",
        "CREATE TABLE item (id INT PRIMARY KEY, a INT UNSIGNED, b INT UNSIGNED, d BIGINT AS (a - b) VIRTUAL)",
        "INSERT INTO item (id, a, b) VALUES (1, 3, 5), (2, 5, 3)",
    )
    with pytest.raises(SyncError, match=r"1690.*correct the row, or exclude the column"):
        server.pipeline.run(item())
    server.pipeline.run(item(exclude=frozenset({"d"})))
    assert server.pipeline.query("SELECT id, a, b FROM raw.item ORDER BY id") == [(1, 3, 5), (2, 5, 3)]
