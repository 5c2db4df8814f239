"""What a target's role, database or user does to its tables must not change, end or stop a pass: settings,
an encoding that lacks letters, pages that are full, tables that were emptied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest
from psycopg2 import sql

from resources.postgresql import PostgreSQLResource
from softcart_assets.dbt.runner import profile_environment
from stack.cluster import Cluster
from stack.postgres import PostgreSQL
from sync.connections.urls import parse
from sync.errors import SyncError
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline, execute, query

LETTERS = Table("letters", "mysql", "shop", ("id",), strategy=Strategy.LOG)
STRATEGIES = (Strategy.FULL, Strategy.LOG)
SETTINGS = {
    "statement_timeout": "20ms",
    "transaction_timeout": "20ms",
    "idle_in_transaction_session_timeout": "20ms",
    "lock_timeout": "1ms",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "search_path": "shadow, pg_catalog",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Tokyo",
    "xmloption": "document",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "gin_fuzzy_search_limit": "1",
    "row_security": "on",
}
# Whoever looks at the search path's first schema finds this in place of what PostgreSQL has.
SHADOW = """
    CREATE SCHEMA shadow;
    CREATE FUNCTION shadow.hashtextextended(text, bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1 / 0';
    CREATE FUNCTION shadow.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1999-01-01'::timestamptz$$;
    CREATE FUNCTION shadow.never(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
    CREATE OPERATOR shadow.= (LEFTARG = int, RIGHTARG = int, FUNCTION = shadow.never);
"""


def prefer(stack: Cluster, url: str) -> None:
    """Give a database these settings."""
    with closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root:
        for name, value in SETTINGS.items():
            root.cursor().execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(urlsplit(url).path[1:]),
                    sql.Identifier(name),
                    sql.SQL(value) if name == "search_path" else sql.Literal(value),
                )
            )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_settings_of_the_targets_database_change_nothing_and_end_nothing(
    strategy: Strategy, pipeline: Pipeline, shop: pymysql.Connection, stack: Cluster
) -> None:
    execute(
        shop,
        "CREATE TABLE letters (id INT PRIMARY KEY, d DOUBLE, b BLOB, t TIMESTAMP(6) NULL, v TEXT)",
        r"INSERT INTO letters SELECT seq, seq / 7e0, x'00ff5c', '2024-05-06 07:08:09', 'a\\b''c'"
        " FROM seq_1_to_20000",
    )
    query(pipeline.target_url, SHADOW)
    prefer(stack, pipeline.target_url)
    table = replace(LETTERS, strategy=strategy)
    pipeline.run(table)
    execute(shop, "UPDATE letters SET v = 'new' WHERE id <= 10", "DELETE FROM letters WHERE id > 19990")
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted, result.rows) == (0, 10, 10, 19990)
    ((row,),) = pipeline.query(
        "SELECT concat_ws('|', d = 11 / 7::float8, encode(b, 'hex'), t = '2024-05-06 07:08:09+00', v)"
        " FROM raw.letters WHERE id OPERATOR(pg_catalog.=) 11"
    )
    assert row == "t|00ff5c|t|a\\b'c"
    with (
        PostgreSQLResource(url=pipeline.target_url).connect() as connection,
        connection,
        connection.cursor() as own,
    ):
        own.execute("CREATE TABLE public.written AS SELECT 1 FROM pg_sleep(0.05)")


def test_settings_of_a_sources_database_change_nothing_and_end_nothing(
    databases: Databases, stack: Cluster
) -> None:
    table = Table("letters", "postgresql", "public", ("id",))
    databases.execute(
        "CREATE TABLE letters (id integer PRIMARY KEY, d double precision, b bytea, i interval, a integer[],"
        " n date)",
        "INSERT INTO letters SELECT i, i / 3::float8, '\\x00ff5c', '1 day 2 hours', '{1,NULL}', '2024-05-06'"
        " FROM generate_series(1, 20000) i",
        SHADOW,
    )
    before = databases.run(table)
    prefer(stack, databases.source_url)
    databases.source.close()
    after = databases.run(table)
    assert (before.rows, after.rows, after.updated, after.deleted) == (20000, 20000, 0, 0)


@pytest.fixture
def latin1(stack: Cluster, urls: dict[str, str]) -> Iterator[str]:
    """A database that has the letters of Western Europe alone."""
    parts = urlsplit(urls["SOFTCART_STAGING_URL"])
    with (
        closing(PostgreSQL(stack.home).connect(stack.ports.known()["postgres"])) as root,
        root.cursor() as cursor,
    ):
        cursor.execute("DROP DATABASE IF EXISTS latin1 WITH (FORCE)")
        cursor.execute(
            f"CREATE DATABASE latin1 OWNER {parts.username} ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc"
            " TEMPLATE template0"
        )
        yield urlunsplit(parts._replace(path="/latin1"))
        cursor.execute("DROP DATABASE latin1 WITH (FORCE)")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_with_a_letter_that_the_target_lacks_goes_to_the_quarantine_alone(
    strategy: Strategy, pipeline: Pipeline, shop: pymysql.Connection, latin1: str
) -> None:
    execute(
        shop,
        "CREATE TABLE letters (id VARCHAR(9) PRIMARY KEY, v TEXT COMMENT 'größer als €, 日本')",
        "INSERT INTO letters VALUES ('1', 'é'), ('2', '€'), ('3', 'abc'), ('4', '日本'), ('😀', 'smile')",
    )
    loaded = Pipeline(pipeline.source, latin1)
    table = replace(LETTERS, strategy=strategy, description="größer als €")
    loaded.run(table)
    rows = "SELECT id, v FROM raw.letters WHERE NOT _deleted ORDER BY id"
    assert loaded.query(rows) == [("1", "é"), ("3", "abc")]
    assert loaded.query("SELECT key FROM quarantine.rejected_rows ORDER BY key") == [
        ("2",), ("4",), ("\\ud83d\\ude00",)
    ]  # fmt: skip
    ((raw,),) = loaded.query("SELECT raw FROM quarantine.rejected_rows WHERE key = '2'")
    assert json.loads(raw)["v"] == "€"
    execute(shop, "UPDATE letters SET v = 'Ω' WHERE id = '1'", "UPDATE letters SET v = 'ok' WHERE id = '2'")
    loaded.run(table)
    assert loaded.query(rows) == [("1", "é"), ("2", "ok"), ("3", "abc")]
    assert loaded.query("SELECT key FROM quarantine.rejected_rows ORDER BY key") == [
        ("1",), ("4",), ("\\ud83d\\ude00",)
    ]  # fmt: skip


COLUMNS = 1000  # numbers that take 9 to 10 bytes each


def wide(shop: pymysql.Connection, key: str) -> None:
    columns = ", ".join(f"c{number} DECIMAL(12,4)" for number in range(COLUMNS))
    execute(shop, f"CREATE TABLE letters (id INT {key}, {columns})")
    for filled in range(840, 921, 4):
        values = ", ".join("12345678.1234" if number < filled else "NULL" for number in range(COLUMNS))
        execute(shop, f"INSERT INTO letters VALUES ({filled}, {values})")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_that_fill_a_page_go_to_the_quarantine_alone(
    strategy: Strategy, pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    table = replace(LETTERS, strategy=strategy)
    wide(shop, "PRIMARY KEY")
    first = pipeline.run(table)
    assert first.rows + first.quarantined == 21
    assert 0 < first.quarantined < 21
    ((fit,), (most,)) = pipeline.query(
        "SELECT min(id) FROM raw.letters UNION ALL SELECT max(id) FROM raw.letters"
    )
    assert fit == 840
    narrowed = ", ".join(f"c{number} = NULL" for number in range(60))
    execute(shop, f"UPDATE letters SET {narrowed} WHERE id > {most}")
    execute(shop, "UPDATE letters SET c998 = 1.5, c999 = 2.5 WHERE id <= 860")
    grown = ", ".join(f"c{number} = 12345678.1234" for number in range(COLUMNS))
    execute(shop, f"UPDATE letters SET {grown} WHERE id = 840")
    second = pipeline.run(table)
    assert (second.rows, second.quarantined) == (21, 1)  # the one that has grown stays as it was
    assert [key for _, key, _ in pipeline.rejected()] == ["840"]
    assert pipeline.query("SELECT c0::text, c999 FROM raw.letters WHERE id = 840") == [
        ("12345678.1234", None)
    ]


def test_rows_of_a_table_without_a_key_that_fill_a_page_go_to_the_quarantine_alone(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    wide(shop, "NOT NULL")
    result = pipeline.run(replace(LETTERS, key=(), strategy=Strategy.FULL))
    assert 0 < result.quarantined < 21
    assert result.rows + result.quarantined == 21
    assert {
        "engine's own columns" in reason or "too big" in reason for _, _, reason in pipeline.rejected()
    } == {True}


@pytest.mark.parametrize("emptying", ["TRUNCATE raw.letters", "DELETE FROM raw.letters"])
@pytest.mark.parametrize("strategy", TABLE_STRATEGIES)
def test_a_table_that_somebody_has_emptied_is_read_whole(
    strategy: Strategy, emptying: str, pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    execute(
        shop, "CREATE TABLE letters (id INT PRIMARY KEY, v INT)", "INSERT INTO letters VALUES (1, 1), (2, 2)"
    )
    cursor = "id" if strategy is Strategy.WATERMARK else None
    table = replace(LETTERS, strategy=strategy, cursor=cursor)
    pipeline.run(table)
    with closing(PostgreSQLTarget(pipeline.target_url)) as target:
        assert target.emptied() == set()
        pipeline.query(emptying)
        assert target.emptied() == {("raw", "letters")}
        (note,) = pipeline.run(table).notes
        assert "holds no row, although the last pass left some" in note
        assert pipeline.query("SELECT id, v FROM raw.letters ORDER BY id") == [(1, 1), (2, 2)]
        assert target.emptied() == set()
    assert pipeline.run(table).notes == ()


@pytest.mark.parametrize("emptied", ["raw.letters, history.letters", "history.letters"])
def test_a_change_log_that_was_emptied_begins_again(
    emptied: str, pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    execute(shop, "CREATE TABLE letters (id INT PRIMARY KEY, v INT)", "INSERT INTO letters VALUES (1, 1)")
    pipeline.run(table := replace(LETTERS, history=True))
    pipeline.query(f"TRUNCATE {emptied}")
    pipeline.run(table)
    assert pipeline.query("SELECT id, _deleted FROM history.letters") == [(1, False)]


def test_a_row_level_security_policy_on_the_target_is_named(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    execute(
        shop, "CREATE TABLE letters (id INT PRIMARY KEY, v INT)", "INSERT INTO letters VALUES (1, 1), (9, 9)"
    )
    pipeline.run(LETTERS)
    pipeline.query(
        "ALTER TABLE raw.letters ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        " CREATE POLICY p ON raw.letters USING (id < 5) WITH CHECK (true)"
    )
    execute(shop, "UPDATE letters SET v = v + 1")
    with pytest.raises(SyncError, match=r"row-level security policy.*NO FORCE ROW LEVEL SECURITY"):
        pipeline.run(LETTERS)


def test_a_constraint_that_a_user_added_is_named_with_the_way_out(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    execute(shop, "CREATE TABLE letters (id INT PRIMARY KEY, v INT)", "INSERT INTO letters VALUES (1, 1)")
    pipeline.run(LETTERS)
    pipeline.query("ALTER TABLE raw.letters ADD CONSTRAINT small CHECK (id < 100)")
    execute(shop, "INSERT INTO letters VALUES (500, 1)")
    with pytest.raises(SyncError, match=r'"small".*mend the row in the source, or drop the constraint'):
        pipeline.run(LETTERS)


def test_a_url_of_several_hosts_leads_to_the_one_that_lets_in(
    pipeline: Pipeline, shop: pymysql.Connection
) -> None:
    execute(shop, "CREATE TABLE letters (id INT PRIMARY KEY, v INT)", "INSERT INTO letters VALUES (1, 1)")
    parts = urlsplit(pipeline.target_url)
    login, _, server = parts.netloc.rpartition("@")
    for several in (
        parts._replace(netloc=f"{login}@127.0.0.1:1,{server}", query="target_session_attrs=read-write"),
        parts._replace(netloc=f"{login}@", query=f"host=127.0.0.1,127.0.0.1&port=1,{parts.port}"),
    ):
        url = urlunsplit(several)
        assert Pipeline(pipeline.source, url).run(LETTERS).rows == 1
        values = profile_environment(parse(url))
        assert (values["SOFTCART_DBT_HOST"], values["SOFTCART_DBT_PORT"]) == ("127.0.0.1", str(parts.port))
