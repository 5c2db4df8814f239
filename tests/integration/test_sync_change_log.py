"""The change log tells every version, also when the table beside it is loaded anew."""

from __future__ import annotations

from dataclasses import replace

import pymysql
import pytest

from sync.errors import SyncError
from sync.spec import Strategy, Table
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
ITEMS = Table("items", "mysql", "shop", key=("id",), history=True)
LATEST = "SELECT DISTINCT ON (id) * FROM history.items ORDER BY id, _changed_at DESC"


@pytest.fixture
def items(shop: Shop) -> Shop:
    execute(
        shop,
        "CREATE TABLE items (id INT PRIMARY KEY, v VARCHAR(9), day DATE)",
        "INSERT INTO items (id, v) VALUES (1, 'a'), (2, 'x'), (3, 'same'), (4, 'gone'), (5, 'bad')",
    )
    return shop


def versions(pipeline: Pipeline) -> list[tuple[object, ...]]:
    return pipeline.query("SELECT id, v, _deleted FROM history.items ORDER BY id, _changed_at")


def agree(pipeline: Pipeline) -> bool:
    """Whether the table holds each key's last version, and nothing else."""
    raw = "SELECT id, v, day, _changed_at, _batch, _deleted FROM"
    return pipeline.query(f"{raw} raw.items ORDER BY id") == pipeline.query(f"{raw} ({LATEST}) h ORDER BY id")


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_what_changed_while_the_table_was_dropped_is_logged(
    pipeline: Pipeline, items: Shop, strategy: Strategy
) -> None:
    table = replace(ITEMS, strategy=strategy)
    pipeline.run(table)
    execute(items, "DELETE FROM items WHERE id = 4")
    pipeline.run(table)
    pipeline.query("DROP TABLE raw.items")
    execute(
        items,
        "SET sql_mode = ''",
        "UPDATE items SET v = 'b' WHERE id = 1",
        "DELETE FROM items WHERE id = 2",
        "UPDATE items SET v = 'worse', day = '0000-00-00' WHERE id = 5",
        "INSERT INTO items (id, v) VALUES (6, 'new')",
    )
    result = pipeline.run(table)

    assert (result.inserted, result.updated, result.deleted, result.quarantined) == (1, 1, 1, 1)
    assert result.rows == 4
    assert versions(pipeline) == [
        (1, "a", False), (1, "b", False),
        (2, "x", False), (2, "x", True),
        (3, "same", False),
        (4, "gone", False), (4, "gone", True),
        (5, "bad", False),
        (6, "new", False),
    ]  # fmt: skip
    assert agree(pipeline)
    assert pipeline.run(table).changed == 0


def test_batches_go_on_behind_a_log_that_outlived_the_state(pipeline: Pipeline, items: Shop) -> None:
    pipeline.run(ITEMS)
    pipeline.query("DROP TABLE raw.items; DROP SCHEMA sync CASCADE; DROP SCHEMA quarantine CASCADE")
    execute(items, "UPDATE items SET v = 'b' WHERE id = 1", "ALTER TABLE items ADD n INT DEFAULT 7")
    assert pipeline.run(ITEMS).updated == 5
    assert pipeline.query("SELECT min(_batch), max(_batch), count(*) FROM history.items") == [(1, 2, 10)]
    assert agree(pipeline)


def test_a_log_that_was_not_kept_for_a_while_is_brought_up_to_date(pipeline: Pipeline, items: Shop) -> None:
    pipeline.run(ITEMS)
    execute(items, "UPDATE items SET v = 'b' WHERE id = 1", "DELETE FROM items WHERE id = 2")
    pipeline.run(replace(ITEMS, history=False))
    pipeline.run(ITEMS)
    assert versions(pipeline)[:4] == [(1, "a", False), (1, "b", False), (2, "x", False), (2, "x", True)]
    assert agree(pipeline)


@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.LOG])
def test_rows_that_somebody_took_out_of_the_table_come_back_and_the_log_says_so(
    pipeline: Pipeline, items: Shop, strategy: Strategy
) -> None:
    execute(items, "ALTER TABLE items ADD updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6)")
    table = replace(ITEMS, strategy=strategy)
    pipeline.run(table)
    execute(items, "DELETE FROM items WHERE id = 4")
    pipeline.run(table)
    before = versions(pipeline)
    pipeline.query("DELETE FROM raw.items WHERE id IN (1, 4)")  # one lives, the other is a tombstone
    execute(items, "INSERT INTO items VALUES (4, 'back', NULL, '2020-01-01')")
    assert pipeline.run(table, reload=True).inserted == 2
    added = [(1, "a", False), (4, "back", False)]
    assert versions(pipeline) == sorted([*before, *added], key=lambda version: version[0])
    assert agree(pipeline)
    assert pipeline.run(table).changed == 0


def test_two_tables_do_not_share_a_change_log(pipeline: Pipeline, items: Shop) -> None:
    first, second = (replace(ITEMS, schema=schema) for schema in ("h1", "h2"))
    pipeline.run(first)
    with pytest.raises(
        SyncError, match=r"h2\.items: the change log history\.items belongs to h1\.items.*another name"
    ):
        pipeline.run(second)
    assert pipeline.query("SELECT to_regclass('h2.items')") == [(None,)]
    pipeline.run(first)
    pipeline.run(replace(second, name="items_2", source_table="items"))
    pipeline.query("DROP TABLE h1.items")  # it moves
    assert pipeline.run(second).changed == 0
    assert pipeline.run(second).rows == 5
