"""Batch after batch of MariaDB's log: what a batch fails on leaves those before it, and other tables."""

from __future__ import annotations

from dataclasses import replace

import pymysql
import pytest

from sync import log_reading
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import PassResult
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.sync_support import Pipeline
from tests.integration.test_sync_log import LINES, ORDERS, assert_equal, both, pipeline, run

__all__ = ["pipeline"]  # the fixture
STRICT = replace(ORDERS, max_rejected_share=0.1)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "BATCH_KEYS", 10)
    monkeypatch.setattr(log_reading, "WAITING_BYTES", 1)


def transact(shop: pymysql.Connection, number: int) -> None:
    """Ten orders and ten lines in a transaction."""
    run(
        shop,
        "START TRANSACTION",
        f"UPDATE orders SET n = n + 1 WHERE id BETWEEN {number * 10 + 1} AND {number * 10 + 10}",
        f"UPDATE `lines` SET n = n + 1 WHERE order_id BETWEEN {number * 10 + 1} AND {number * 10 + 10}",
        "COMMIT",
    )


def test_every_batch_arrives_with_its_position(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    both(pipeline)
    ((before,),) = pipeline.query("SELECT last FROM sync.batch")
    for number in range(9):
        transact(shop, number)
    results = both(pipeline)
    assert [result.updated for result in results.values() if isinstance(result, PassResult)] == [90, 90]
    assert_equal(pipeline, shop)
    ((after,),) = pipeline.query("SELECT last FROM sync.batch")
    assert after - before == 18  # a batch of each table for each transaction


def test_a_table_that_fails_in_a_later_batch_keeps_the_earlier_ones_and_holds_no_other_back(
    pipeline: Pipeline,
    shop: pymysql.Connection,
) -> None:
    both(pipeline)
    for number in range(3):
        transact(shop, number)
    run(shop, "UPDATE orders SET note = 'a\0b' WHERE id BETWEEN 31 AND 40")
    for number in range(4, 9):
        transact(shop, number)
    target = PostgreSQLTarget(pipeline.target_url)
    outcomes = dict(run_passes([STRICT, LINES], pipeline.source, target, "test"))
    assert isinstance(outcomes[STRICT], SyncError)
    assert "max_rejected_share" in str(outcomes[STRICT])
    lines = outcomes[LINES]
    assert isinstance(lines, PassResult)
    assert lines.updated == 80
    assert pipeline.query("SELECT count(*) FROM raw.orders WHERE n = 1") == [(30,)]
    positions = dict(pipeline.query("SELECT table_name, position FROM sync.tables"))
    assert positions["orders"] != positions["lines"]
    run(shop, "UPDATE orders SET note = 'x' WHERE id BETWEEN 31 AND 40")
    outcomes = dict(run_passes([STRICT, LINES], pipeline.source, target, "test"))
    orders = outcomes[STRICT]
    assert isinstance(orders, PassResult), orders
    assert_equal(pipeline, shop)
