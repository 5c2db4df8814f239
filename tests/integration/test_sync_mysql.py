"""The full strategy from MySQL to PostgreSQL: rows, batches and the change log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pymysql

from sync.spec import Deletes, Table
from tests.integration.sales import SALES
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection


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
