"""The lake's tables follow staging's: partitions are replaced, never doubled, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from psycopg2.extensions import connection as Connection

from lake.delta import open_table
from lake.fill import Filled
from lake.location import Location
from lake.spec import Grain, LakeTable
from sync.errors import SyncError
from tests.integration.lake.conftest import rows_in

SALES = LakeTable("raw", "sales", key=("id",), day="sold", grain=Grain.DAY)
SHOPS = LakeTable("raw", "shops", key=("id",))

Fill = Callable[[LakeTable], Filled]


@pytest.fixture
def sales(warehouse: Connection) -> Connection:
    """A table of sales, two a day for three days, of batch 1."""
    run(
        warehouse,
        "CREATE TABLE raw.sales (id bigint, sold date, amount numeric(12,2), _batch int, _deleted boolean)",
        "INSERT INTO raw.sales SELECT n, date '2026-01-01' + (n - 1) / 2, n + 0.5, 1, false"
        " FROM generate_series(1, 6) AS n",
    )
    return warehouse


def run(connection: Connection, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def live(connection: Connection) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, sold, amount FROM raw.sales WHERE NOT _deleted ORDER BY id")
        return cursor.fetchall()


def test_only_the_partitions_of_changed_rows_are_replaced(
    sales: Connection, filled: Fill, lake: Location
) -> None:
    assert filled(SALES).periods is None
    run(sales, "UPDATE raw.sales SET amount = 9, _batch = 2 WHERE id = 3")
    changed = filled(SALES)
    assert (changed.periods, changed.written, changed.rows) == (("2026-01-02",), 2, 6)
    assert rows_in(lake, SALES, "id", "sold", "amount") == live(sales)


def test_a_pass_with_nothing_new_writes_no_version(sales: Connection, filled: Fill) -> None:
    first = filled(SALES)
    again = filled(SALES)
    assert (again.version, again.periods, again.written) == (first.version, (), 0)


def test_a_row_that_moves_to_another_day_is_gone_from_the_old_one(
    sales: Connection, filled: Fill, lake: Location
) -> None:
    filled(SALES)
    run(sales, "UPDATE raw.sales SET sold = '2026-02-01', _batch = 2 WHERE id = 1")
    assert filled(SALES).periods == ("2026-01-01", "2026-02-01")
    assert rows_in(lake, SALES, "id", "sold", "amount") == live(sales)


def test_a_day_whose_last_row_is_deleted_is_empty_and_a_row_without_a_day_is_kept(
    sales: Connection, filled: Fill, lake: Location
) -> None:
    filled(SALES)
    run(
        sales,
        "UPDATE raw.sales SET _deleted = true, _batch = 2 WHERE id IN (5, 6)",
        "UPDATE raw.sales SET sold = NULL, _batch = 2 WHERE id = 1",
    )
    assert filled(SALES).periods == ("2026-01-01", "2026-01-03", "undated")
    assert rows_in(lake, SALES, "id", "_period") == [
        (1, "undated"), (2, "2026-01-01"), (3, "2026-01-02"), (4, "2026-01-02"),
    ]  # fmt: skip


def test_a_staging_that_was_rebuilt_replaces_everything(
    sales: Connection, filled: Fill, lake: Location
) -> None:
    filled(SALES)
    run(
        sales,
        "UPDATE sync.identity SET id = gen_random_uuid()",
        "DELETE FROM raw.sales WHERE id > 2",
    )
    assert filled(SALES).periods is None
    assert rows_in(lake, SALES, "id", "sold", "amount") == live(sales)


def test_a_table_without_a_date_is_one_partition(warehouse: Connection, filled: Fill, lake: Location) -> None:
    run(
        warehouse,
        "CREATE TABLE raw.shops (id int, name text, _batch bigint, _deleted boolean)",
        "INSERT INTO raw.shops VALUES (1, 'a', 1, false), (2, 'b', 1, true)",
    )
    assert filled(SHOPS).rows == 1
    run(warehouse, "UPDATE raw.shops SET name = 'c', _batch = 2 WHERE id = 1")
    assert filled(SHOPS).rows == 1
    assert rows_in(lake, SHOPS, "id", "name") == [(1, "c")]


def test_an_empty_table_is_there_and_takes_its_first_rows(
    warehouse: Connection, filled: Fill, lake: Location
) -> None:
    run(warehouse, "CREATE TABLE raw.shops (id int, name text, _batch bigint, _deleted boolean)")
    assert filled(SHOPS).rows == 0
    run(warehouse, "INSERT INTO raw.shops VALUES (1, 'a', 1, false)")
    assert filled(SHOPS).rows == 1


def test_a_new_column_is_followed(sales: Connection, filled: Fill, lake: Location) -> None:
    filled(SALES)
    run(
        sales,
        "ALTER TABLE raw.sales ADD note text",
        "UPDATE raw.sales SET note = 'x', _batch = 2 WHERE id = 1",
    )
    assert filled(SALES).periods is None
    assert rows_in(lake, SALES, "id", "note")[:2] == [(1, "x"), (2, None)]


def test_every_type_arrives_as_what_it_is(warehouse: Connection, filled: Fill, lake: Location) -> None:
    run(
        warehouse,
        "SET TimeZone = 'Asia/Tokyo'",
        "CREATE TABLE raw.shops (id int, t text, e text, q text, n numeric(12,2), big numeric, b boolean,"
        " d date, ts timestamp, tz timestamptz, j jsonb, f double precision, _batch int, _deleted boolean)",
        "INSERT INTO raw.shops VALUES (1, 'a,\"b\"\nü\\', '', NULL, -1.50, 1e50, true, '2024-02-29',"
        " '2024-03-31 02:30:00.123456', '2024-03-31 02:30:00+09', '{\"a\": 1}', 'NaN', 1, false),"
        " (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'infinity', '-infinity', NULL, 0.1, 1, false)",
    )
    filled(SHOPS)
    opened = open_table(lake, SHOPS.folder)
    assert opened is not None
    first, second = sorted(opened.to_pyarrow_table().to_pylist(), key=lambda row: row["id"])
    assert (first["t"], first["e"], first["q"], first["n"]) == ('a,"b"\nü\\', "", None, Decimal("-1.50"))
    assert (first["big"], first["b"], first["d"]) == ("1" + "0" * 50, True, date(2024, 2, 29))
    assert first["ts"] == datetime(2024, 3, 31, 2, 30, 0, 123456, UTC)
    assert first["tz"] == datetime(2024, 3, 30, 17, 30, tzinfo=UTC)
    assert (first["j"], first["f"] != first["f"]) == ('{"a": 1}', True)
    assert second["ts"] == datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)
    assert second["tz"] == datetime(1, 1, 1, tzinfo=UTC)
    assert (second["t"], second["d"], second["f"]) == (None, None, 0.1)
    protocol = opened.protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_a_table_that_is_not_in_staging_is_named(warehouse: Connection, filled: Fill) -> None:
    with pytest.raises(SyncError, match=r"staging has no table raw\.shops: materialize raw/shops"):
        filled(SHOPS)


def test_rows_that_cannot_be_read_fail_with_what_the_database_said_and_make_no_version(
    sales: Connection, filled: Fill, lake: Location
) -> None:
    with pytest.raises(SyncError, match="division by zero"):
        filled(replace(SALES, day="sold + (1 / (id - 3))::int"))
    assert open_table(lake, SALES.folder) is None
    assert filled(SALES).rows == 6
