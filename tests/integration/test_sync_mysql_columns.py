"""Columns and names of a MySQL table in PostgreSQL: declared ones, the catalog's, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pymysql
import pytest

from sync.errors import SyncError
from sync.spec import Column, Table
from tests.integration.sales import SALES
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection


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
        (
            (Column("rowid", "bigint"), Column("note", "text")),
            ("rowid", "note"),
            r": its key is \(rowid\), the declaration says \(rowid, note\); .* the key that it has$",
        ),
        (
            (Column("rowid", "bigint"), Column("note", "text")),
            (),
            r"raw\.sales_data: its key is \(rowid\), the declaration says none; drop ",
        ),
        (
            (Column("rowid", "bigint"), Column("note", "varchar(9)")),
            ("rowid",),
            "column note is text in the table",
        ),
        ((Column("rowid", "bigint"), Column("_batch", "text", source="note")), ("rowid",), "uses itself"),
        (
            (Column("rowid", "bigint"), Column("xmax", "text", source="note")),
            ("rowid",),
            "column 'xmax' has a name that PostgreSQL uses itself; exclude it or declare it under another",
        ),
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


@pytest.mark.parametrize("key", [(), ("id",)])
def test_a_column_with_a_name_of_postgresql_itself_is_refused_by_name(
    pipeline: Pipeline, shop: Shop, key: tuple[str, ...]
) -> None:
    execute(
        shop,
        "CREATE TABLE odd (id INT PRIMARY KEY, ctid INT, tableoid INT)",
        "INSERT INTO odd VALUES (1, 2, 3)",
    )
    odd = Table("odd", "mysql", "shop", key)
    with pytest.raises(SyncError, match=r"raw\.odd: column 'ctid' .* PostgreSQL .* with source='ctid'"):
        pipeline.run(odd)
    assert pipeline.run(replace(odd, exclude=frozenset({"ctid", "tableoid"}))).inserted == 1


def test_a_key_for_a_table_that_was_loaded_without_one_has_a_way_out(pipeline: Pipeline, sales: Shop) -> None:
    keyless = replace(SALES, key=(), history=False)
    pipeline.run(keyless)
    with pytest.raises(
        SyncError,
        match=r"raw\.sales_data: it was loaded without a key, the declaration says \(rowid\);"
        r" drop raw\.sales_data to load it anew, or declare no key$",
    ):
        pipeline.run(replace(keyless, key=("rowid",)))
    pipeline.query("DROP TABLE raw.sales_data")
    assert pipeline.run(replace(keyless, key=("rowid",))).rows == 3
