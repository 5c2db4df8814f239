"""MySQL's log followed from before its table's first load while four threads write: no applied state goes
backward, the end is the source's, and the change log holds no version twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Event

import pytest

from sync import log_reading
from sync.connections.mysql import connect_mysql
from sync.sources.mysql import portions as mysql_portions
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.integration.binlog.log import Log
from tests.integration.stress import BACKWARD, FEWEST_BATCHES, REPEATED, SECONDS
from tests.integration.sync_support import Pipeline

IDS = 100
WRITERS = 4
PAUSE_SECONDS = 0.002  # between a writer's transactions, or they starve the rest of a small machine
COUNTED = Table("counted", "mysql", "shop", key=("id",), strategy=Strategy.LOG, history=True)


def write(url: str, seed: int, enough: Event) -> int:
    """Insert, update, replace and delete this writer's share of the ids, each time with a greater version;
    until there was enough of it; returns how many times."""
    chance, version = random.Random(seed), count(1)
    with closing(connect_mysql(url, autocommit=True)) as connection, connection.cursor() as cursor:
        while not enough.is_set():
            key, number, act = chance.randrange(seed, IDS, WRITERS), next(version), chance.random()
            if act < 0.2:
                cursor.execute(f"DELETE FROM counted WHERE id = {key}")
            elif act < 0.6:
                cursor.execute(
                    f"INSERT INTO counted VALUES ({key}, {number}) ON DUPLICATE KEY UPDATE version = {number}"
                )
            elif act < 0.98:
                cursor.execute(f"REPLACE INTO counted VALUES ({key}, {number})")
            else:  # all of its rows, in one transaction
                cursor.execute(f"UPDATE counted SET version = {number} WHERE id % {WRITERS} = {seed}")
            time.sleep(PAUSE_SECONDS)
    return next(version) - 1


def test_no_applied_state_goes_backward_while_others_write(
    log: Log,
    staging: str,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(log_reading, "BATCH_KEYS", 90)
    monkeypatch.setattr(mysql_portions, "PORTION_ROWS", 10)
    log.run("CREATE TABLE counted (id INT PRIMARY KEY, version BIGINT)")
    log.run(f"INSERT INTO counted VALUES {', '.join(f'({key}, 0)' for key in range(IDS))}")
    with closing(MySQLSource(log.url)) as source, ThreadPoolExecutor(WRITERS) as threads:
        pipeline = Pipeline(source, staging)
        enough, end, batches_seen = Event(), time.monotonic() + SECONDS, 0
        writers = [threads.submit(write, log.writer_url, seed, enough) for seed in range(WRITERS)]
        try:
            while time.monotonic() < end or batches_seen <= FEWEST_BATCHES:
                batches_seen += pipeline.run(COUNTED).changed > 0
        finally:
            enough.set()
        assert all(writer.result() > 100 for writer in writers)
        pipeline.run(COUNTED)

        live = pipeline.query("SELECT id, version FROM raw.counted WHERE NOT _deleted ORDER BY id")
        assert live == log.run("SELECT id, version FROM counted ORDER BY id")
        names = {"key": "id", "table": "counted"}
        ((batches, versions),) = pipeline.query(
            "SELECT count(DISTINCT _batch), count(*) FROM history.counted"
        )
        record_property("writes", sum(writer.result() for writer in writers))
        record_property("batches", batches)
        record_property("versions", versions)
        assert batches > FEWEST_BATCHES
        assert pipeline.query(BACKWARD.format(**names)) == []
        assert pipeline.query(REPEATED.format(**names)) == []
        assert pipeline.run(COUNTED, reload=True).changed == 0
