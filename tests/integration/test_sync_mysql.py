"""The full strategy from MySQL to PostgreSQL, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pymysql
import pytest

from sync.errors import SyncError
from sync.sources.mysql import MySQLSource
from sync.spec import Column, Deletes, Table
from tests.integration.sync_support import Pipeline

Shop = pymysql.Connection

SALES = Table(
    "sales_data",
    source="mysql",
    database="shop",
    key=("rowid",),
    columns=(
        Column("rowid", "bigint", "Number of the sale"),
        Column("price", "numeric(12,2)"),
        Column("note", "text"),
        Column("updated_at", "timestamptz"),
    ),
    history=True,
    description="Sales",
)


@pytest.fixture
def pipeline(shop: Shop, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


@pytest.fixture
def sales(shop: Shop) -> Shop:
    execute(
        shop,
        "CREATE TABLE sales_data (rowid BIGINT PRIMARY KEY, price DECIMAL(12,2), note TEXT, updated_at"
        " TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), secret TEXT)",
        "INSERT INTO sales_data (rowid, price, note) VALUES (1, 10.50, 'one'), (2, NULL, NULL), (3, 3, '')",
    )
    return shop


def execute(connection: Shop, *statements: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def test_a_full_load_brings_every_row_and_only_the_declared_columns(pipeline: Pipeline, sales: Shop) -> None:
    result = pipeline.run(SALES, run_id="run-1")

    assert (result.read, result.inserted, result.rows, result.batch) == (3, 3, 3, 1)
    assert pipeline.query("SELECT rowid, price, note, _batch, _deleted FROM raw.sales_data ORDER BY 1") == [
        (1, Decimal("10.50"), "one", 1, False),
        (2, None, None, 1, False),
        (3, Decimal("3.00"), "", 1, False),
    ]
    state = "SELECT source, strategy, batch, run_id, rows, quarantined FROM sync.tables"
    assert pipeline.query(state) == [("mysql shop.sales_data", "full", 1, "run-1", 3, 0)]
    comment = (
        "SELECT col_description('raw.sales_data'::regclass, 1), obj_description('raw.sales_data'::regclass)"
    )
    assert pipeline.query(comment) == [("Number of the sale", "Sales")]


def test_a_load_with_nothing_new_writes_no_row_and_draws_no_batch(pipeline: Pipeline, sales: Shop) -> None:
    pipeline.run(SALES)
    written = "SELECT array_agg(xmin::text ORDER BY rowid) FROM raw.sales_data"
    batches = "SELECT last FROM sync.batch"
    before = pipeline.query(written), pipeline.query(batches)

    result = pipeline.run(SALES)

    assert (result.changed, result.batch, result.rows) == (0, None, 3)
    assert (pipeline.query(written), pipeline.query(batches)) == before
    assert pipeline.query("SELECT count(*) FROM history.sales_data") == [(3,)]


def test_updates_deletes_and_returns_reach_the_table_and_its_change_log(
    pipeline: Pipeline, sales: Shop
) -> None:
    pipeline.run(SALES)
    execute(
        sales,
        "UPDATE sales_data SET price = 11 WHERE rowid = 1",
        "DELETE FROM sales_data WHERE rowid = 2",
        "INSERT INTO sales_data (rowid, price) VALUES (4, 4)",
    )
    second = pipeline.run(SALES)
    execute(sales, "INSERT INTO sales_data (rowid, price) VALUES (2, 22)")
    third = pipeline.run(SALES)

    assert (second.inserted, second.updated, second.deleted, second.rows) == (1, 1, 1, 3)
    assert (third.inserted, third.updated, third.deleted, third.rows) == (1, 0, 0, 4)
    assert pipeline.query(
        "SELECT rowid, price, _batch, _deleted FROM history.sales_data ORDER BY rowid, _changed_at"
    ) == [
        (1, Decimal("10.50"), 1, False),
        (1, Decimal("11.00"), 2, False),
        (2, None, 1, False),
        (2, None, 2, True),
        (2, Decimal("22.00"), 3, False),
        (3, Decimal("3.00"), 1, False),
        (4, Decimal("4.00"), 2, False),
    ]
    latest = (
        "SELECT count(*) FROM raw.sales_data r JOIN history.sales_data h USING (rowid, _batch, _changed_at)"
        " WHERE (r.price, r.note, r._deleted) IS NOT DISTINCT FROM (h.price, h.note, h._deleted)"
    )
    assert pipeline.query(latest) == [(4,)]


def test_change_times_are_the_sources_and_rise_even_when_the_sources_clock_falls(
    pipeline: Pipeline, sales: Shop
) -> None:
    execute(sales, "UPDATE sales_data SET updated_at = '2024-05-01 10:00:00.000001'")
    pipeline.run(SALES)
    for price in (1, 2, 3):
        execute(sales, f"UPDATE sales_data SET price = {price}, updated_at = '2024-01-01' WHERE rowid = 1")
        pipeline.run(SALES)

    versions = pipeline.query("SELECT _changed_at FROM history.sales_data WHERE rowid = 1 ORDER BY _batch")
    times = [time for (time,) in versions]
    assert times[0] == datetime(2024, 5, 1, 10, 0, 0, 1, tzinfo=UTC)
    assert len(times) == 4
    assert all(earlier < later for earlier, later in pairwise(times))


def test_a_row_without_a_change_time_of_its_own_gets_the_snapshots(pipeline: Pipeline, sales: Shop) -> None:
    execute(
        sales,
        "ALTER TABLE sales_data MODIFY updated_at TIMESTAMP(6) NULL DEFAULT NULL",
        "UPDATE sales_data SET updated_at = IF(rowid = 1, '2024-01-01', NULL)",
    )
    pipeline.run(SALES)
    dated = "SELECT rowid, _changed_at = (SELECT synced_at FROM sync.tables) FROM raw.sales_data ORDER BY 1"
    assert pipeline.query(dated) == [(1, False), (2, True), (3, True)]
    execute(sales, "INSERT INTO sales_data (rowid) VALUES (4)")
    pipeline.run(SALES)
    assert pipeline.query(dated) == [(1, False), (2, False), (3, False), (4, True)]


def test_deletes_that_a_declaration_ignores_leave_the_rows(pipeline: Pipeline, sales: Shop) -> None:
    keeping = replace(SALES, deletes=Deletes.IGNORE, history=False)
    pipeline.run(keeping)
    execute(
        sales, "DELETE FROM sales_data WHERE rowid = 2", "UPDATE sales_data SET price = 9 WHERE rowid = 3"
    )
    result = pipeline.run(keeping)
    assert (result.read, result.updated, result.deleted, result.rows) == (2, 1, 0, 3)


def test_history_that_is_declared_later_begins_with_the_rows_that_are_there(
    pipeline: Pipeline, sales: Shop
) -> None:
    plain = Table("sales_data", "mysql", "shop", ("rowid",), columns=SALES.columns)
    pipeline.run(plain)
    pipeline.run(SALES)
    assert pipeline.query("SELECT count(*) FROM history.sales_data") == [(3,)]


def test_a_new_declared_column_is_added_and_filled(pipeline: Pipeline, sales: Shop) -> None:
    pipeline.run(SALES)
    execute(sales, "UPDATE sales_data SET secret = 'x' WHERE rowid = 3")
    wider = Table(
        "sales_data", "mysql", "shop", ("rowid",), columns=(*SALES.columns, Column("secret", "text", "New"))
    )
    assert pipeline.run(wider).updated == 1
    assert pipeline.query("SELECT secret FROM raw.sales_data ORDER BY rowid") == [(None,), (None,), ("x",)]


def test_columns_come_from_the_catalog_where_none_are_declared(pipeline: Pipeline, sales: Shop) -> None:
    open_table = Table("sales_data", "mysql", "shop", ("rowid",), exclude=frozenset({"secret"}))
    pipeline.run(open_table)
    types = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'raw.sales_data'::regclass AND attnum > 0 AND attname !~ '^_' ORDER BY attnum"
    )
    assert pipeline.query(types) == [
        ("rowid", "bigint"),
        ("price", "numeric(12,2)"),
        ("note", "text"),
        ("updated_at", "timestamp(6) with time zone"),
    ]


def test_a_masked_column_arrives_as_its_hash(pipeline: Pipeline, sales: Shop) -> None:
    masked = Table(
        "sales_data", "mysql", "shop", ("rowid",),
        columns=(Column("rowid", "bigint"), Column("note", "text", mask=True)),
    )  # fmt: skip
    pipeline.run(masked)
    hashed = "SELECT note = encode(sha256('one'), 'hex') FROM raw.sales_data WHERE rowid = 1"
    assert pipeline.query(hashed) == [(True,)]


@pytest.mark.parametrize(
    ("columns", "key", "complaint"),
    [
        ((Column("rowid", "bigint"), Column("missing", "text")), ("rowid",), "has no column 'missing'"),
        (
            (Column("rowid", "bigint"), Column("price", "bigint")),
            ("rowid",),
            "no exact form in bigint",
        ),
        ((Column("rowid", "bigint"), Column("price", "numeric(9,1)")), ("rowid",), "or reload the table"),
        ((Column("rowid", "bigint"), Column("note", "text")), ("rowid", "note"), "its primary key is"),
        (
            (Column("rowid", "bigint"), Column("note", "varchar(9)")),
            ("rowid",),
            "column note is text in the table",
        ),
        ((Column("rowid", "bigint"), Column("_batch", "text", source="note")), ("rowid",), "uses itself"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name_and_changes_nothing(
    pipeline: Pipeline, sales: Shop, columns: tuple[Column, ...], key: tuple[str, ...], complaint: str
) -> None:
    pipeline.run(SALES)
    before = pipeline.query("SELECT * FROM raw.sales_data ORDER BY 1")
    with pytest.raises(SyncError, match=complaint):
        pipeline.run(Table("sales_data", "mysql", "shop", key, columns=columns))
    assert pipeline.query("SELECT * FROM raw.sales_data ORDER BY 1") == before


def test_a_table_that_is_not_there_is_named(pipeline: Pipeline) -> None:
    with pytest.raises(SyncError, match=r"MySQL has no table shop\.nowhere .* GRANT SELECT"):
        pipeline.run(Table("nowhere", "mysql", "shop", ("id",)))


def test_a_key_that_is_not_unique_is_named_and_nothing_is_written(pipeline: Pipeline, sales: Shop) -> None:
    by_note = Table(
        "sales_data", "mysql", "shop", ("price",),
        columns=(Column("price", "numeric(12,2)"), Column("note", "text")),
    )  # fmt: skip
    execute(sales, "UPDATE sales_data SET price = 1")
    with pytest.raises(SyncError, match=r"shows a key \(price\) twice"):
        pipeline.run(by_note)
    execute(sales, "UPDATE sales_data SET price = rowid")
    pipeline.run(by_note)
    execute(sales, "UPDATE sales_data SET price = 3, note = '' WHERE rowid = 2")
    with pytest.raises(SyncError, match=r"shows a key \(price\) twice"):
        pipeline.run(by_note)
    assert pipeline.query("SELECT price FROM raw.sales_data ORDER BY 1") == [(1,), (2,), (3,)]


def test_identifiers_of_every_kind_travel(pipeline: Pipeline, shop: Shop) -> None:
    long_name = "ключ" * 16  # 64 characters, 128 bytes
    names = ["select", "with `tick`", 'with "quote"', "100%s", "Größe", "a\\b'c", long_name]
    ticked = ["`" + name.replace("`", "``") + "`" for name in names]
    values = ", ".join(str(number) for number in range(len(names)))
    execute(
        shop,
        f"CREATE TABLE `Odd ``one``` ({', '.join(f'{name} INT NOT NULL' for name in ticked)},"
        f" PRIMARY KEY ({ticked[2]}, {ticked[6]}))",
        f"INSERT INTO `Odd ``one``` VALUES ({values})",
    )
    table = Table("Odd `one`", "mysql", "shop", key=('with "quote"', long_name), history=True)

    assert pipeline.run(table).inserted == 1
    assert pipeline.run(table).changed == 0
    execute(shop, "UPDATE `Odd ``one``` SET `100%s` = 9")
    assert pipeline.run(table).updated == 1
    (row,) = pipeline.query('SELECT "with `tick`", "100%s", "Größe" FROM raw."Odd `one`"')
    assert row == (1, 9, 4)


def test_keys_compare_by_bytes_whatever_the_collation_says(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE words (word VARCHAR(20) COLLATE utf8mb4_general_ci, lang CHAR(2), n INT,"
        " PRIMARY KEY (word, lang))",
        "INSERT INTO words VALUES ('abc', 'en', 1), ('abc ', 'de', 2), ('ÄÖ', 'de', 3)",
    )
    table = Table("words", "mysql", "shop", key=("word", "lang"))
    pipeline.run(table)
    execute(shop, "UPDATE words SET word = 'ABC' WHERE lang = 'en'")
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (1, 0, 1)
    live = "SELECT word, lang, n FROM raw.words WHERE NOT _deleted ORDER BY n"
    assert pipeline.query(live) == [("ABC", "en", 1), ("abc ", "de", 2), ("ÄÖ", "de", 3)]


def test_a_table_without_a_key_is_compared_as_a_multiset_of_rows(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE clicks (page VARCHAR(20), n INT, hash INT)",
        "INSERT INTO clicks (page, n) VALUES ('a', 1), ('a', 1), ('a', 1), ('b', NULL), ('b', NULL)",
    )
    table = Table("clicks", "mysql", "shop", key=())
    assert pipeline.run(table).inserted == 5
    assert pipeline.run(table).changed == 0
    execute(
        shop,
        "DELETE FROM clicks WHERE page = 'a' LIMIT 1",
        "INSERT INTO clicks VALUES ('b', NULL, NULL), ('c', 3, 7)",
    )
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted) == (2, 0, 1)
    live = "SELECT page, n, count(*) FROM raw.clicks WHERE NOT _deleted GROUP BY 1, 2 ORDER BY 1"
    assert pipeline.query(live) == [("a", 1, 2), ("b", None, 3), ("c", 3, 1)]


def test_a_server_that_is_away_is_transient_and_a_wrong_password_is_not(
    pipeline: Pipeline, urls: dict[str, str]
) -> None:
    from sync.errors import TransientError

    user = urls["SOFTCART_MYSQL_URL"].partition("://")[2].partition(":")[0]
    address = urls["SOFTCART_MYSQL_URL"].rpartition("@")[2]
    away = MySQLSource(f"mysql://{user}:geheim@127.0.0.1:1/shop")
    with pytest.raises(TransientError, match=r"\*\*\*@127\.0\.0\.1:1/shop") as error:
        away.describe(SALES)
    assert "geheim" not in str(error.value)
    with pytest.raises(SyncError, match="check user and password") as refused:
        MySQLSource(f"mysql://{user}:geheim@{address}").describe(SALES)
    assert not isinstance(refused.value, TransientError)
