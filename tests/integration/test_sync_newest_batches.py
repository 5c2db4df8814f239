"""Each table's newest batch is stored by who writes it, and its rows of later batches are found by BRIN."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pymysql
import pytest

from sync import state
from sync.connections.postgresql import connect_postgresql
from sync.newest_batches import QUIET, UPGRADE
from sync.passes import Compare
from sync.spec import Strategy, Table
from sync.upgrades import UPGRADES
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline, execute, query

Shop = pymysql.Connection
ITEMS = Table("items", "mysql", "shop", key=("id",), history=True)
INDEXES = """
    SELECT i.indrelid::regclass::text, a.amname FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
    WHERE NOT i.indisprimary AND i.indrelid::regclass::text IN ('raw.items', 'history.items') ORDER BY 1, 2
"""
ROWS = "SELECT t.ctid, t.xmin, t.* FROM {} AS t ORDER BY t.ctid"
TABLES = ("raw.items", "history.items")


@pytest.fixture
def items(shop: Shop) -> Shop:
    execute(
        shop,
        "CREATE TABLE items (id INT PRIMARY KEY, v VARCHAR(9), updated_at TIMESTAMP(6) NOT NULL"
        " DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
        "INSERT INTO items (id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    )
    return shop


def newest(url: str) -> tuple[Sequence[object], Sequence[object]]:
    """What is stored of both tables, and what their rows say."""
    stored = query(url, "SELECT table_schema || '.' || table_name, batch FROM sync.newest_batches ORDER BY 1")
    held = [(table, *query(url, f"SELECT max(_batch) FROM {table}")[0]) for table in sorted(TABLES)]
    return stored, held


@pytest.mark.parametrize("strategy", TABLE_STRATEGIES)
def test_what_is_stored_is_the_newest_batch_of_the_rows(
    pipeline: Pipeline, items: Shop, strategy: Strategy
) -> None:
    cursor = "updated_at" if strategy is Strategy.WATERMARK else None
    table = replace(ITEMS, strategy=strategy, cursor=cursor)
    seen = []
    for change in (
        None,
        "INSERT INTO items (id, v) VALUES (4, 'd')",
        "UPDATE items SET v = 'x' WHERE id = 2",
        "DELETE FROM items WHERE id = 3",
        "INSERT INTO items (id, v) VALUES (3, 'back')",
    ):
        if change:
            execute(items, change)
        pipeline.run(table, compare=Compare.ALL)
        stored, held = newest(pipeline.target_url)
        assert stored == held
        seen.append(stored)
        pipeline.run(table)
        assert newest(pipeline.target_url)[0] == stored  # nothing was new
    assert len(set(map(str, seen))) == len(seen)


def test_a_table_has_no_b_tree_of_its_batches(pipeline: Pipeline, items: Shop) -> None:
    pipeline.run(ITEMS)

    assert pipeline.query(INDEXES) == [("history.items", "brin"), ("raw.items", "brin")]


def test_a_home_of_an_earlier_release_is_moved_over_in_place(
    pipeline: Pipeline, items: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its B-trees, and without any row being written."""
    pipeline.run(ITEMS)
    execute(items, "UPDATE items SET v = 'y' WHERE id = 1")
    pipeline.run(ITEMS)
    before = {table: pipeline.query(ROWS.format(table)) for table in TABLES}
    with closing(connect_postgresql(pipeline.target_url)) as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP INDEX {table}__batch_idx; CREATE INDEX ON {table} (_batch)")
        cursor.execute(
            "DROP TABLE sync.newest_batches, sync.comparisons;"
            " DROP FUNCTION sync.next_batch(regclass), sync.store_batch,"
            " sync.table_batch, sync.index_batches, sync.summarize_batches"
        )
        cursor.execute("UPDATE sync.version SET version = %s", (UPGRADES.index(UPGRADE),))
        state.prepare(connection)

    assert pipeline.query(INDEXES) == [("history.items", "brin"), ("raw.items", "brin")]
    stored, held = newest(pipeline.target_url)
    assert stored == held
    result = pipeline.run(ITEMS)
    assert (result.inserted, result.updated, result.deleted) == (0, 0, 0)
    assert {table: pipeline.query(ROWS.format(table)) for table in TABLES} == before


def test_the_server_is_left_no_requests_to_summarize(pipeline: Pipeline, items: Shop) -> None:
    """Each that it has no room for is a line in its log, tens of thousands in a large load."""
    pipeline.run(ITEMS)
    for table in TABLES:
        pipeline.query(f"ALTER INDEX {table}__batch_idx SET (autosummarize = on)")
    pipeline.query("CREATE TABLE raw.foreign_table (n int)")
    pipeline.query("CREATE INDEX theirs ON raw.foreign_table USING brin (n) WITH (autosummarize = on)")
    with closing(connect_postgresql(pipeline.target_url)) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE sync.version SET version = %s", (UPGRADES.index(QUIET),))
        state.prepare(connection)

    options = "SELECT reloptions FROM pg_class WHERE relname = 'items__batch_idx'"
    assert pipeline.query(options) == [(["pages_per_range=2"],)] * 2
    theirs = "SELECT reloptions FROM pg_class WHERE relname = 'theirs'"
    assert pipeline.query(theirs) == [(["autosummarize=on"],)]
    pipeline.query("ALTER TABLE raw.foreign_table ADD _batch bigint")
    pipeline.query("SELECT sync.index_batches('raw.foreign_table')")
    made = "SELECT reloptions FROM pg_class WHERE relname = 'foreign_table__batch_idx'"
    assert pipeline.query(made) == [(["pages_per_range=2"],)]


def test_a_batch_that_is_drawn_for_a_table_by_hand_counts(pipeline: Pipeline, items: Shop) -> None:
    pipeline.run(ITEMS)
    pipeline.query("UPDATE raw.items SET v = 'hand', _batch = sync.next_batch('raw.items') WHERE id = 1")

    stored, held = newest(pipeline.target_url)
    assert stored == held


def test_pages_that_a_pass_added_are_summarized(pipeline: Pipeline, items: Shop) -> None:
    """Or each read of later batches would look at all of them."""
    pipeline.run(ITEMS)
    numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n"
    execute(items, f"INSERT INTO items (id, v) SELECT 100 + i, 'new' FROM ({numbers}) AS numbers")
    execute(items, f"INSERT INTO items (id, v) SELECT 2000 + i, 'new' FROM ({numbers}) AS numbers")
    pipeline.run(ITEMS)

    for table in TABLES:
        added = f"SELECT brin_summarize_new_values('{table}__batch_idx'), pg_relation_size('{table}') / 8192"
        ((unknown, pages),) = pipeline.query(added)
        assert (unknown, pages > 8) == (0, True)
