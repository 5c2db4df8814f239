"""PostgreSQL as a source: tables of every kind, keys, names, rights, and readings that end early."""

from __future__ import annotations

import threading
import tracemalloc
from contextlib import closing
from dataclasses import replace
from threading import Event
from urllib.parse import urlsplit, urlunsplit

import pytest

from stack.cluster import Cluster
from sync.errors import SyncError, TransientError, UnknownTableError
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Column, Table
from tests.integration.cli.command import TO, Command
from tests.integration.killing import through
from tests.integration.postgresql_support import Databases
from tests.integration.wire import Wire

ORDERS = Table("orders", "postgresql", "public", key=("id",), history=True)
CREATE = "CREATE TABLE orders (id integer PRIMARY KEY, n integer, note text)"


@pytest.fixture
def orders(databases: Databases) -> Databases:
    databases.execute(CREATE, "INSERT INTO orders SELECT i, 0, 'row ' || i FROM generate_series(1, 100) i")
    return databases


def test_changes_deletes_and_returns_follow_and_nothing_new_writes_nothing(orders: Databases) -> None:
    assert orders.run(ORDERS).inserted == 100
    assert orders.run(ORDERS).batch is None
    orders.execute(
        "UPDATE orders SET n = 1 WHERE id < 10",
        "DELETE FROM orders WHERE id = 20",
        "INSERT INTO orders VALUES (0)",
    )
    result = orders.run(ORDERS)
    assert (result.inserted, result.updated, result.deleted, result.rows) == (1, 9, 1, 100)
    orders.execute("INSERT INTO orders VALUES (20, 7, 'back')")
    assert orders.run(ORDERS).inserted == 1
    live = orders.query("SELECT id, n, note FROM raw.orders WHERE NOT _deleted ORDER BY id")
    assert live == orders.execute("SELECT * FROM orders ORDER BY id")


def test_a_table_is_described_with_its_comments_key_and_size(orders: Databases) -> None:
    orders.execute("COMMENT ON COLUMN orders.n IS 'How many'", "ANALYZE orders")
    source = orders.source
    assert source.describe(ORDERS).columns == (
        Column("id", "integer"), Column("n", "integer", "How many"), Column("note", "text"),
    )  # fmt: skip
    assert isinstance(source, PostgreSQLSource)
    assert source.unique_keys(ORDERS)[0] == ("id",)
    assert source.estimate(ORDERS) == 100
    with source.snapshot() as snapshot:
        orders.execute("INSERT INTO orders VALUES (200)")
        assert snapshot.count(ORDERS) == 100


def test_the_key_is_the_primary_one_or_the_shortest_unique_one_whose_columns_take_no_null(
    databases: Databases,
) -> None:
    source = databases.source
    assert isinstance(source, PostgreSQLSource)
    databases.execute(
        "CREATE TABLE keyed (a int NOT NULL, b int NOT NULL, c int, d int NOT NULL, e int NOT NULL)",
        "CREATE UNIQUE INDEX ON keyed (c)",
        "CREATE UNIQUE INDEX ON keyed (d) WHERE a > 0",
        "CREATE UNIQUE INDEX ON keyed (abs(d))",
        "CREATE INDEX ON keyed (e)",
    )
    keyed = Table("keyed", "postgresql", "public", key=())
    assert source.unique_keys(keyed) == []
    databases.execute("CREATE UNIQUE INDEX ON keyed (d, b, a)", "CREATE UNIQUE INDEX ON keyed (b, a)")
    assert source.unique_keys(keyed)[0] == ("b", "a")
    databases.execute("ALTER TABLE keyed ADD PRIMARY KEY (e, d, a) INCLUDE (b)")
    assert source.unique_keys(keyed)[0] == ("e", "d", "a")


def test_views_partitioned_and_foreign_tables_are_read(databases: Databases, stack: Cluster) -> None:
    databases.execute(
        "CREATE TABLE parts (id int, place text, PRIMARY KEY (place, id)) PARTITION BY LIST (place)",
        "CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a')",
        "CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b')",
        "INSERT INTO parts VALUES (1, 'a'), (2, 'b'), (1, 'b')",
        "CREATE VIEW only_b AS SELECT id, place FROM parts WHERE place = 'b'",
        "CREATE MATERIALIZED VIEW kept AS TABLE parts",
        "ANALYZE parts_a, parts_b",
    )
    parts = Table("parts", "postgresql", "public", key=("place", "id"))
    source = databases.source
    assert isinstance(source, PostgreSQLSource)
    assert source.unique_keys(parts)[0] == ("place", "id")
    assert source.estimate(parts) == 3
    assert databases.run(parts).rows == 3
    assert source.unique_keys(replace(parts, name="only_b")) == []
    assert databases.run(replace(parts, name="only_b")).rows == 2
    assert databases.run(replace(parts, name="kept")).rows == 3


def test_a_table_without_a_key_is_compared_as_a_multiset_of_rows(databases: Databases) -> None:
    databases.execute(
        "CREATE TABLE clicks (page text, n int)",
        "INSERT INTO clicks VALUES ('a', 1), ('a', 1), ('b', NULL), ('b', NULL)",
    )
    table = Table("clicks", "postgresql", "public", key=())
    assert databases.run(table).inserted == 4
    databases.execute(
        "DELETE FROM clicks WHERE ctid = (SELECT min(ctid) FROM clicks)",
        "INSERT INTO clicks VALUES ('b', NULL)",
    )
    result = databases.run(table)
    assert (result.inserted, result.updated, result.deleted) == (1, 0, 1)


def test_identifiers_of_every_kind_travel(databases: Databases) -> None:
    names = ["select", "with `tick`", 'with "quote"', "100%s", "Größe", "a\\b'c", "ключ" * 7]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    databases.execute(
        'CREATE SCHEMA "Odd schema"',
        f'CREATE TABLE "Odd schema"."Odd ""one""" ({", ".join(f"{name} int" for name in quoted)},'
        f" PRIMARY KEY ({quoted[2]}, {quoted[6]}))",
        'INSERT INTO "Odd schema"."Odd ""one""" VALUES (0, 1, 2, 3, 4, 5, 6)',
    )
    table = Table('Odd "one"', "postgresql", "Odd schema", key=(names[2], names[6]), history=True)
    assert databases.run(table).inserted == 1
    assert databases.run(table).changed == 0
    databases.execute('UPDATE "Odd schema"."Odd ""one""" SET "100%s" = 9')
    assert databases.run(table).updated == 1
    assert databases.query('SELECT "with `tick`", "100%s" FROM raw."Odd ""one"""') == [(1, 9)]


def test_a_masked_column_is_hashed_by_the_server_and_an_excluded_one_stays_there(orders: Databases) -> None:
    columns = (Column("id", "integer"), Column("note", "text", mask=True))
    orders.run(replace(ORDERS, columns=columns, history=False))
    hashed = "SELECT note = encode(sha256('row 1'), 'hex') FROM raw.orders WHERE id = 1"
    assert orders.query(hashed) == [(True,)]
    open_table = Table(
        "seen", "postgresql", "public", ("id",), source_table="orders", exclude=frozenset({"note"})
    )
    assert [column.name for column in orders.run(open_table).columns] == ["id", "n"]


def test_what_is_missing_or_forbidden_is_named_with_the_way_out(orders: Databases, stack: Cluster) -> None:
    with pytest.raises(UnknownTableError, match=r"no table public\.nowhere .* GRANT USAGE .* and SELECT"):
        orders.run(replace(ORDERS, name="nowhere"))
    with pytest.raises(SyncError, match="no column 'size' that this user may read; it has id, n, note"):
        orders.run(replace(ORDERS, columns=(Column("id", "integer"), Column("size", "integer"))))
    optional = replace(ORDERS, name="later", optional=True, columns=(Column("id", "integer"),))
    assert not orders.run(optional).source_exists
    orders.execute(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "ALTER TABLE orders FORCE ROW LEVEL SECURITY"
    )
    with pytest.raises(SyncError, match="row-level security"):
        orders.run(ORDERS)


def test_a_server_that_is_away_is_transient_and_a_wrong_password_is_not(orders: Databases) -> None:
    parts = urlsplit(orders.source_url)
    away = urlunsplit(parts._replace(netloc="softcart:geheim@127.0.0.1:1"))
    with pytest.raises(TransientError) as error:
        PostgreSQLSource(away).describe(ORDERS)
    assert "geheim" not in str(error.value)
    wrong = urlunsplit(parts._replace(netloc=f"softcart:geheim@127.0.0.1:{parts.port}"))
    with pytest.raises(SyncError, match="password authentication failed") as refused:
        PostgreSQLSource(wrong).describe(ORDERS)
    assert not isinstance(refused.value, TransientError)


BIG = "CREATE VIEW big AS SELECT i AS id, repeat('x', 1000) AS note FROM generate_series(1, 200000) i"
LONG = f"CREATE VIEW big AS SELECT i AS id, repeat('x', {10 << 20}) AS note FROM generate_series(1, 9) i"
BIG_TABLE = Table("big", "postgresql", "public", key=("id",))


@pytest.mark.parametrize("view", [BIG, LONG])
def test_a_reading_that_is_left_early_ends_at_once(view: str, databases: Databases) -> None:
    databases.execute(view)
    columns = databases.source.describe(BIG_TABLE).columns
    with databases.source.snapshot() as snapshot:
        chunks = snapshot.read(BIG_TABLE, columns)
        assert next(chunks).rows
    assert not [thread for thread in threading.enumerate() if thread.name == "copy out"]
    with pytest.raises(TransientError), databases.source.snapshot() as snapshot:
        for chunk in snapshot.read(BIG_TABLE, columns):
            databases.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active'"
                " AND query LIKE 'COPY%' AND datname = current_database()"
            )
            assert chunk.rows
    assert not [thread for thread in threading.enumerate() if thread.name == "copy out"]


def test_a_reading_of_a_server_that_fell_silent_can_be_left(databases: Databases) -> None:
    databases.execute(BIG)
    heard = Event()
    with Wire(urlsplit(databases.source_url).port or 0) as wire:
        with closing(PostgreSQLSource(through(databases.source_url, wire))) as source:
            columns = source.describe(BIG_TABLE).columns
            wire.at_byte(8 << 20, heard.wait)
            with source.snapshot() as snapshot:
                chunks = snapshot.read(BIG_TABLE, columns)
                assert [next(chunks).rows > 100 for _ in range(3)]
        assert not [thread for thread in threading.enumerate() if thread.name == "copy out"]
        heard.set()


def test_a_value_that_the_server_cannot_read_ends_the_pass_with_its_word(databases: Databases) -> None:
    databases.execute(
        "CREATE VIEW bad AS SELECT i AS id, 1 / (50000 - i) AS n FROM generate_series(1, 100000) i"
    )
    with pytest.raises(SyncError, match="division by zero"):
        databases.run(replace(BIG_TABLE, name="bad"))
    assert databases.query("SELECT to_regclass('raw.bad')") == [(None,)]


def test_memory_does_not_grow_with_the_table(databases: Databases) -> None:
    databases.execute(BIG)
    columns = databases.source.describe(BIG_TABLE).columns
    tracemalloc.start()
    with databases.source.snapshot() as snapshot:
        read = sum(chunk.rows for chunk in snapshot.read(BIG_TABLE, columns))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read == 200_000
    assert peak < 16 << 20


def test_the_command_copies_a_schema_and_table_of_the_urls_database(orders: Databases) -> None:
    command = Command({"SOURCE": orders.source_url, "TARGET": orders.target_url})
    (line,) = command.lines("copy", "env:SOURCE", "public.orders", *TO)
    assert (line["inserted"], line["rows"]) == (100, 100)
    command.run("verify", "env:SOURCE", "public.orders", *TO)
    orders.execute("DELETE FROM orders WHERE id = 5")
    command.run("verify", "env:SOURCE", "public.orders", *TO, exit_code=1)
