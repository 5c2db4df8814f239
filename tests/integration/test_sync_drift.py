"""A table follows its source's changes of shape where nothing is lost, and refuses the others by name."""

from __future__ import annotations

from dataclasses import replace

import pymysql
import pytest

from sync.errors import SyncError
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
ITEMS = Table("items", "mysql", "shop", key=("id",), history=True)
DATED = replace(ITEMS, strategy=Strategy.WATERMARK, cursor="updated_at")

# MySQL's type and value before, its type and another value after, and both values and the type here.
WIDENED = [
    ("SMALLINT", "-7", "INT", "70000", "-7", "70000", "integer"),
    ("INT", "7", "BIGINT", "1 << 40", "7", "1099511627776", "bigint"),
    ("BIGINT", "-7", "DECIMAL(22,2)", "18446744073709551615.25", "-7.00", "18446744073709551615.25",
     "numeric(22,2)"),
    ("INT UNSIGNED", "7", "BIGINT UNSIGNED", "18446744073709551615", "7", "18446744073709551615",
     "numeric(20,0)"),
    ("DECIMAL(5,2)", "1.50", "DECIMAL(9,4)", "12345.6789", "1.5000", "12345.6789", "numeric(9,4)"),
    ("DATETIME", "'2024-01-01 10:00'", "DATETIME(3)", "'2024-01-01 10:00:00.125'", "2024-01-01 10:00:00",
     "2024-01-01 10:00:00.125", "timestamp(3) without time zone"),
    ("TIMESTAMP NULL", "'2024-01-01 10:00'", "TIMESTAMP(6) NULL", "'2024-01-01 10:00:00.000001'",
     "2024-01-01 10:00:00+00", "2024-01-01 10:00:00.000001+00", "timestamp(6) with time zone"),
    ("FLOAT", "0.1", "DOUBLE", "0.1", "0.10000000149011612", "0.1", "double precision"),
    ("VARCHAR(3)", "'ab '", "VARCHAR(99)", "'abcd'", "ab ", "abcd", "text"),
]  # fmt: skip


def live(pipeline: Pipeline, *columns: str) -> list[tuple[object, ...]]:
    shown = ", ".join(columns)
    return pipeline.query(f"SELECT id, {shown} FROM raw.items WHERE NOT _deleted ORDER BY id")


def type_of(pipeline: Pipeline, table: str, column: str) -> str:
    (row,) = pipeline.query(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        f" WHERE attrelid = '{table}'::regclass AND attname = '{column}'"
    )
    return str(row[0])


def test_a_widened_type_is_followed_in_the_table_and_its_change_log(pipeline: Pipeline, shop: Shop) -> None:
    names = [f"c{number}" for number in range(len(WIDENED))]
    before = ", ".join(f"{name} {each[0]}" for name, each in zip(names, WIDENED, strict=True))
    execute(
        shop,
        "SET time_zone = '+00:00'",
        f"CREATE TABLE items (id INT PRIMARY KEY, {before})",
        *(f"INSERT INTO items VALUES ({n}, {', '.join(each[1] for each in WIDENED)})" for n in (1, 2)),
    )
    pipeline.run(ITEMS)
    changes = ", ".join(f"MODIFY {name} {each[2]}" for name, each in zip(names, WIDENED, strict=True))
    values = ", ".join(f"{name} = {each[3]}" for name, each in zip(names, WIDENED, strict=True))
    execute(shop, f"ALTER TABLE items {changes}", f"UPDATE items SET {values} WHERE id = 2")

    assert pipeline.run(ITEMS).updated == 1
    shown = ", ".join(f"{name}::text" for name in names)
    log = f"SET TimeZone = 'UTC'; SELECT {shown} FROM history.items ORDER BY id, _changed_at"
    old, new = (tuple(each[index] for each in WIDENED) for index in (4, 5))
    assert pipeline.query(log) == [old, old, new]
    for table in ("raw.items", "history.items"):
        assert [type_of(pipeline, table, name) for name in names] == [each[6] for each in WIDENED]
    assert pipeline.run(ITEMS).changed == 0


def test_a_widened_type_lets_rows_out_of_quarantine(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop, "CREATE TABLE items (id INT PRIMARY KEY, n BIGINT)", "INSERT INTO items VALUES (1, 1 << 40)"
    )
    narrow = replace(ITEMS, columns=(Column("id", "integer"), Column("n", "integer")))
    assert pipeline.run(narrow).quarantined == 1
    assert pipeline.run(ITEMS).quarantined == 0
    assert live(pipeline, "n") == [(1, 1 << 40)]


def test_a_new_column_is_filled_though_no_row_says_that_it_changed(pipeline: Pipeline, shop: Shop) -> None:
    dated_items(shop)
    pipeline.run(DATED)
    execute(shop, "ALTER TABLE items ADD colour VARCHAR(9) DEFAULT 'red' COMMENT 'paint'")
    assert pipeline.run(DATED).updated == 2
    assert live(pipeline, "note", "colour") == [(1, "a", "red"), (2, "b", "red")]
    assert pipeline.query(
        "SELECT col_description('raw.items'::regclass, attnum) FROM pg_attribute"
        " WHERE attrelid = 'raw.items'::regclass AND attname = 'colour'"
    ) == [("paint",)]
    result = pipeline.run(DATED)
    assert (result.changed, result.compared) == (0, False)


def dated_items(shop: Shop) -> None:
    execute(
        shop,
        "SET time_zone = '+00:00'",
        "CREATE TABLE items (id INT PRIMARY KEY, note TEXT, updated_at TIMESTAMP(6) NOT NULL)",
        "INSERT INTO items VALUES (1, 'a', '2024-01-01'), (2, 'b', '2024-01-01')",
    )


def test_a_dropped_column_stays_with_what_it_held_and_may_return(pipeline: Pipeline, shop: Shop) -> None:
    dated_items(shop)
    pipeline.run(DATED)
    execute(
        shop,
        "ALTER TABLE items DROP note",
        "INSERT INTO items VALUES (3, NOW(6))",
        "UPDATE items SET updated_at = NOW(6) WHERE id = 2",
    )
    pipeline.run(DATED)
    assert live(pipeline, "note") == [(1, "a"), (2, "b"), (3, None)]
    execute(shop, "ALTER TABLE items ADD note VARCHAR(9) DEFAULT 'new'")
    assert pipeline.run(DATED).updated == 3
    assert live(pipeline, "note") == [(1, "new"), (2, "new"), (3, "new")]


def test_a_column_that_is_masked_from_now_on_is_masked_everywhere(pipeline: Pipeline, shop: Shop) -> None:
    dated_items(shop)
    columns = (Column("id", "integer"), Column("note", "text"), Column("updated_at", "timestamptz(6)"))
    pipeline.run(replace(DATED, columns=columns))
    masked = tuple(replace(column, mask=column.name == "note") for column in columns)
    assert pipeline.run(replace(DATED, columns=masked)).updated == 2
    assert pipeline.query("SELECT DISTINCT length(note) FROM raw.items") == [(64,)]


def test_a_rename_is_refused_until_it_is_declared(pipeline: Pipeline, shop: Shop) -> None:
    dated_items(shop)
    pipeline.run(DATED)
    execute(shop, "ALTER TABLE items RENAME COLUMN note TO remark, ADD price INT")
    with pytest.raises(SyncError) as refused:
        pipeline.run(DATED)
    assert "raw.items: column note is gone from the source, and remark, of the same type text" in str(
        refused.value
    )
    assert "Column('note', 'text', source='remark')" in str(refused.value)
    assert live(pipeline, "note") == [(1, "a"), (2, "b")]

    note = Column("note", "text", source="remark")
    columns = (Column("id", "integer"), note, Column("updated_at", "timestamptz(6)"))
    declared = replace(DATED, columns=columns)
    execute(shop, "UPDATE items SET remark = 'c', updated_at = NOW(6) WHERE id = 2")
    assert pipeline.run(declared).changed == 1
    assert live(pipeline, "note") == [(1, "a"), (2, "c")]


def test_a_reload_takes_a_column_of_a_new_name_for_another_one(pipeline: Pipeline, shop: Shop) -> None:
    dated_items(shop)
    pipeline.run(DATED)
    execute(shop, "ALTER TABLE items RENAME COLUMN note TO remark")
    pipeline.run(DATED, reload=True)
    assert live(pipeline, "note", "remark") == [(1, "a", "a"), (2, "b", "b")]
    assert pipeline.run(DATED).changed == 0


@pytest.mark.parametrize(
    ("before", "after", "there", "now"),
    [
        ("BIGINT", "INT", "bigint", "integer"),
        ("DECIMAL(9,4)", "DECIMAL(9,2)", "numeric(9,4)", "numeric(9,2)"),
        ("INT", "VARCHAR(20)", "integer", "text"),
        ("DATE", "DATETIME", "date", "timestamp(0)"),
    ],
)
def test_a_changed_type_is_refused_with_both_types_and_nothing_is_written(
    pipeline: Pipeline, shop: Shop, before: str, after: str, there: str, now: str
) -> None:
    execute(
        shop, f"CREATE TABLE items (id INT PRIMARY KEY, c {before})", "INSERT INTO items VALUES (1, NULL)"
    )
    pipeline.run(ITEMS)
    execute(shop, f"ALTER TABLE items MODIFY c {after}", "INSERT INTO items VALUES (2, NULL)")
    with pytest.raises(SyncError) as refused:
        pipeline.run(ITEMS)
    assert f"raw.items: column c is {there} in the table that exists and now {now} by its source." in str(
        refused.value
    )
    assert live(pipeline, "c") == [(1, None)]


def test_a_reload_sets_a_column_of_another_type_aside(pipeline: Pipeline, shop: Shop) -> None:
    execute(shop, "CREATE TABLE items (id INT PRIMARY KEY, c INT)", "INSERT INTO items VALUES (1, 5), (2, 6)")
    pipeline.run(ITEMS)
    execute(shop, "ALTER TABLE items MODIFY c VARCHAR(9)", "UPDATE items SET c = 'five' WHERE id = 1")
    assert pipeline.run(ITEMS, reload=True).updated == 2
    assert live(pipeline, "c_was_integer", "c") == [(1, 5, "five"), (2, 6, "6")]
    assert pipeline.run(ITEMS).changed == 0

    execute(shop, "UPDATE items SET c = '7'", "ALTER TABLE items MODIFY c INT")
    pipeline.run(ITEMS, reload=True)
    assert live(pipeline, "c_was_integer", "c_was_text", "c") == [(1, 5, "five", 7), (2, 6, "6", 7)]
    log = pipeline.query(
        "SELECT c_was_integer, c_was_text, c FROM history.items WHERE id = 1 ORDER BY _changed_at"
    )
    assert log == [(5, None, None), (None, "five", None), (None, None, 7)]


def test_a_key_may_be_widened_and_not_changed(pipeline: Pipeline, shop: Shop) -> None:
    execute(shop, "CREATE TABLE items (id INT PRIMARY KEY, c INT)", "INSERT INTO items VALUES (1, 5)")
    pipeline.run(ITEMS)
    execute(shop, "ALTER TABLE items MODIFY id BIGINT", "INSERT INTO items VALUES (1 << 40, 6)")
    assert pipeline.run(ITEMS).inserted == 1
    assert live(pipeline, "c") == [(1, 5), (1 << 40, 6)]

    execute(shop, "ALTER TABLE items MODIFY id VARCHAR(20)")
    with pytest.raises(SyncError, match=r"raw\.items: column id is bigint .* drop that table"):
        pipeline.run(ITEMS, reload=True)
    execute(shop, "ALTER TABLE items RENAME COLUMN id TO number")
    with pytest.raises(
        SyncError, match=r"raw\.items: its key column 'id' is not among its columns number, c"
    ):
        pipeline.run(ITEMS)
    with pytest.raises(SyncError, match=r"raw\.items: its key is \(id\), .* \(number\); drop raw\.items to "):
        pipeline.run(replace(ITEMS, key=("number",)), reload=True)


def test_a_view_in_the_way_of_a_wider_type_is_named(pipeline: Pipeline, shop: Shop) -> None:
    execute(shop, "CREATE TABLE items (id INT PRIMARY KEY, c INT)", "INSERT INTO items VALUES (1, 5)")
    pipeline.run(ITEMS)
    pipeline.query("CREATE VIEW raw.fives AS SELECT c FROM raw.items")
    execute(shop, "ALTER TABLE items MODIFY c BIGINT")
    with pytest.raises(SyncError, match=r"view raw\.fives .*; drop that, and make it again"):
        pipeline.run(ITEMS)
    pipeline.query("DROP VIEW raw.fives")
    pipeline.run(ITEMS)
    assert type_of(pipeline, "raw.items", "c") == "bigint"
