"""A row that cannot be loaded is kept aside with its reason, while its neighbours load."""

from __future__ import annotations

import json

import pymysql
import pytest

from sync.errors import SyncError
from sync.spec import Column, Table
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
ORDERS = Table(
    "orders", "mysql", "shop", ("id",),
    columns=(Column("id", "integer"), Column("day", "date"), Column("note", "text")), history=True,
)  # fmt: skip


@pytest.fixture
def orders(shop: Shop) -> Shop:
    execute(
        shop,
        "SET sql_mode = ''",
        "CREATE TABLE orders (id INT PRIMARY KEY, day DATE NOT NULL, note TEXT)",
        "INSERT INTO orders VALUES (1, '2024-01-01', 'ok'), (2, '0000-00-00', 'zero'),"
        r" (3, '2024-00-07', 'part'), (4, '2024-01-04', 'a\0b'), (5, '2024-01-05', 'ok')",
    )
    return shop


def live(pipeline: Pipeline) -> list[int]:
    return [key for (key,) in pipeline.query("SELECT id FROM raw.orders WHERE NOT _deleted ORDER BY id")]


def test_bad_rows_go_to_quarantine_with_key_reason_and_values(pipeline: Pipeline, orders: Shop) -> None:
    result = pipeline.run(ORDERS)

    assert (result.read, result.inserted, result.quarantined) == (5, 2, 3)
    assert live(pipeline) == [1, 5]
    assert pipeline.rejected() == [
        ("raw.orders", "2", "column day: '0000-00-00' cannot be stored as date"),
        ("raw.orders", "3", "column day: '2024-00-07' cannot be stored as date"),
        ("raw.orders", "4", r"column note: 'a\x00b' cannot be stored as text"),
    ]
    raw = pipeline.query("SELECT raw, batch FROM quarantine.rejected_rows ORDER BY key")
    assert [json.loads(values) for values, _ in raw] == [
        {"id": "2", "day": "0000-00-00", "note": "zero"},
        {"id": "3", "day": "2024-00-07", "note": "part"},
        {"id": "4", "day": "2024-01-04", "note": "a\0b"},
    ]
    assert {batch for _, batch in raw} == {result.batch}


def test_a_load_with_the_same_bad_rows_writes_nothing(pipeline: Pipeline, orders: Shop) -> None:
    pipeline.run(ORDERS)
    kept = "SELECT key, xmin::text FROM quarantine.rejected_rows ORDER BY 1"
    before = pipeline.query(kept)
    result = pipeline.run(ORDERS)
    assert (result.changed, result.batch, result.quarantined) == (0, None, 3)
    assert pipeline.query(kept) == before


def test_a_row_leaves_quarantine_when_it_loads_or_is_deleted(pipeline: Pipeline, orders: Shop) -> None:
    pipeline.run(ORDERS)
    execute(orders, "UPDATE orders SET day = '2024-01-02' WHERE id = 2", "DELETE FROM orders WHERE id = 3")
    result = pipeline.run(ORDERS)
    assert (result.inserted, result.deleted, result.quarantined) == (1, 0, 1)
    assert live(pipeline) == [1, 2, 5]
    assert [key for _, key, _ in pipeline.rejected()] == ["4"]


def test_a_live_row_whose_new_version_is_bad_stays_as_it_was(pipeline: Pipeline, orders: Shop) -> None:
    pipeline.run(ORDERS)
    execute(orders, r"UPDATE orders SET note = 'x\0' WHERE id = 1", "DELETE FROM orders WHERE id = 5")
    result = pipeline.run(ORDERS)
    assert (result.updated, result.deleted, result.quarantined) == (0, 1, 4)
    assert pipeline.query("SELECT note FROM raw.orders WHERE NOT _deleted") == [("ok",)]
    assert pipeline.run(ORDERS).changed == 0


def test_many_bad_rows_among_good_ones_are_all_found(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE orders (id INT PRIMARY KEY, day DATE NOT NULL, note LONGTEXT)",
        "INSERT INTO orders SELECT seq, '2024-01-01',"
        " IF(seq % 7 = 0 OR seq BETWEEN 900 AND 1000, 'bad', '[1]') FROM seq_1_to_2000",
    )
    table = Table(
        "orders", "mysql", "shop", ("id",),
        columns=(Column("id", "integer"), Column("note", "jsonb")),
    )  # fmt: skip
    bad = {str(n) for n in range(1, 2001) if n % 7 == 0 or 900 <= n <= 1000}
    result = pipeline.run(table)
    assert {key for _, key, _ in pipeline.rejected()} == bad
    assert result.rows == 2000 - len(bad)


def test_a_bad_key_is_quarantined_too(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "SET sql_mode = ''",
        "CREATE TABLE days (day DATE, place VARCHAR(9), n INT, PRIMARY KEY (day, place))",
        "INSERT INTO days VALUES ('0000-00-00', 'a', 1), ('2024-01-01', 'a', 2), ('2024-00-01', 'b', 3)",
    )
    table = Table("days", "mysql", "shop", key=("day", "place"))
    assert pipeline.run(table).rows == 1
    assert [key for _, key, _ in pipeline.rejected()] == ['["0000-00-00","a"]', '["2024-00-01","b"]']
    assert pipeline.run(table).changed == 0


def test_a_share_of_bad_rows_above_the_declared_one_stops_the_load(pipeline: Pipeline, orders: Shop) -> None:
    columns = ORDERS.columns
    strict = Table("orders", "mysql", "shop", ("id",), columns=columns, max_rejected_share=0.5)
    with pytest.raises(SyncError, match=r"3 of 5 rows cannot be loaded, .* Nothing was written"):
        pipeline.run(strict)
    assert pipeline.query("SELECT to_regclass('raw.orders')") == [(None,)]
    assert pipeline.rejected() == []
    lenient = Table("orders", "mysql", "shop", ("id",), columns=columns, max_rejected_share=0.6)
    assert pipeline.run(lenient).rows == 2


@pytest.mark.parametrize(
    ("good", "bad", "share", "loads"),
    [
        (0, 0, 0.0, True),
        (3, 0, 0.0, True),
        (999, 1, 0.0, False),
        (9, 1, 0.1, True),
        (8, 1, 0.1, False),
        (0, 2, 0.99, False),
        (0, 2, 1.0, True),
        (0, 2, None, True),
    ],
)
def test_a_share_of_bad_rows_is_counted_exactly(
    pipeline: Pipeline, shop: Shop, good: int, bad: int, share: float | None, loads: bool
) -> None:
    rows = [
        f"({number}, '{'2024-01-01' if number < good else '0000-00-00'}')" for number in range(good + bad)
    ]
    execute(shop, "SET sql_mode = ''", "CREATE TABLE orders (id INT PRIMARY KEY, day DATE)")
    if rows:
        execute(shop, f"INSERT INTO orders VALUES {', '.join(rows)}")
    table = Table("orders", "mysql", "shop", ("id",), max_rejected_share=share)
    if loads:
        result = pipeline.run(table)
        assert (result.rows, result.quarantined) == (good, bad)
    else:
        with pytest.raises(SyncError, match=f"{bad} of {good + bad} rows cannot be loaded"):
            pipeline.run(table)
        assert pipeline.query("SELECT to_regclass('raw.orders')") == [(None,)]


def test_rows_too_long_for_one_line_of_the_server_arrive_whole(pipeline: Pipeline, shop: Shop) -> None:
    execute(
        shop,
        "CREATE TABLE big (word VARCHAR(9), n INT, note LONGTEXT, bytes LONGBLOB, mark FLOAT, day DATE,"
        " PRIMARY KEY (word, n))",
        r"INSERT INTO big VALUES"
        r" ('it''s\n', 1, REPEAT('ab\n\\', 9000), REPEAT(x'00FF', 17000000), 0.1, NULL),"
        r" ('small', 2, NULL, NULL, NULL, '2024-01-01'),"
        r" ('nul', 3, CONCAT(REPEAT('x', 20000), '\0'), '', 1, NULL)",
    )
    table = Table("big", "mysql", "shop", key=("word", "n"))
    result = pipeline.run(table)
    assert (result.read, result.rows, result.quarantined) == (3, 2, 1)
    assert pipeline.run(table).changed == 0
    arrived = pipeline.query(
        r"SELECT note = repeat(E'ab\n\\', 9000), bytes = decode(repeat('00ff', 17000000), 'hex'), mark, day"
        r" FROM raw.big WHERE word = E'it''s\n'"
    )
    assert arrived == [(True, True, pytest.approx(0.1), None)]
    unkeyed = Table("big", "mysql", "shop", key=(), schema="other")
    with pytest.raises(SyncError, match="exceeds the source's max_allowed_packet and the table has no key"):
        pipeline.run(unkeyed)
