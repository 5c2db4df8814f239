"""Passes over one table that meet, are paused, or die while they hold it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest

from stack.cluster import Cluster
from stack.postgres import PostgreSQL
from sync.connections.postgresql import connect_postgresql
from sync.engine import run_pass
from sync.errors import LeaseTaken
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy
from sync.state import lease, prepare
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.killing import FENCED, TRANSIENT, Victim, through
from tests.integration.numbers import MySQLNumbers, assert_equal_after_a_pass, following
from tests.integration.sync_support import Pipeline
from tests.integration.wire import Wire

ROWS = 2000


@pytest.fixture
def numbers(shop: pymysql.Connection) -> MySQLNumbers:
    made = MySQLNumbers(shop)
    made.fill(ROWS)
    return made


@pytest.fixture
def pipeline(numbers: MySQLNumbers, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


def test_passes_that_meet_wait_for_each_other_and_leave_one_result(
    pipeline: Pipeline, numbers: MySQLNumbers, urls: dict[str, str]
) -> None:
    def one(number: int) -> int:
        with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
            target = PostgreSQLTarget(pipeline.target_url)
            return run_pass(numbers.table, source, target, f"run-{number}").inserted

    with ThreadPoolExecutor(3) as pool:
        inserted = sorted(pool.map(one, range(3)))
    assert inserted == [0, 0, ROWS]
    assert pipeline.query("SELECT count(*) FROM history.numbers") == [(ROWS,)]


def test_a_pass_that_has_waited_long_enough_leaves_with_a_clear_word(
    pipeline: Pipeline, numbers: MySQLNumbers
) -> None:
    with closing(connect_postgresql(pipeline.target_url)) as other:
        prepare(other)
        with (
            lease(other, "raw.numbers"),
            pytest.raises(LeaseTaken, match=r"raw\.numbers: another pass holds it .* wait for it or end it"),
        ):
            pipeline.run(numbers.table, wait_seconds=0.1)


def everything(pipeline: Pipeline) -> list[Any]:
    tables = ("raw.numbers", "history.numbers", "sync.tables", "quarantine.rejected_rows")
    return [pipeline.query(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4, 5") for name in tables]


@pytest.mark.parametrize("share", [0.45, 0.9], ids=["early", "late"])
@pytest.mark.parametrize("strategy", [Strategy.FULL, Strategy.WATERMARK])
def test_a_paused_pass_that_wakes_after_another_took_over_writes_nothing(
    share: float, strategy: Strategy, pipeline: Pipeline, numbers: MySQLNumbers, stack: Cluster,
    urls: dict[str, str],
) -> None:  # fmt: skip
    """The server gives its session up, as it does when a connection times out or an administrator ends it."""
    table = following(numbers, strategy)
    pipeline.run(table)
    with Wire(urlsplit(pipeline.target_url).port or 0) as wire:
        victim = Victim(table, urls["SOFTCART_MYSQL_URL"], through(pipeline.target_url, wire))
        numbers.change(1)
        assert victim.run() == 0
        numbers.change(2)
        paused = victim.signalled(signal.SIGSTOP, wire, int(wire.steps * share), goes_on=True)
        with pytest.raises(LeaseTaken):
            pipeline.run(table, wait_seconds=0.1)
        numbers.change(3)
        server = PostgreSQL(stack.home)
        with closing(server.connect(stack.ports.known()["postgres"])) as root, root.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
                " AND application_name = 'softcart'",
                (urlsplit(pipeline.target_url).path[1:],),
            )
        assert_equal_after_a_pass(pipeline, table, numbers)
        before = everything(pipeline)
        os.kill(paused.pid or 0, signal.SIGCONT)
        paused.join()
        assert paused.exitcode == TRANSIENT
        assert everything(pipeline) == before


def test_a_paused_pass_whose_lease_is_another_ones_is_fenced_off(
    pipeline: Pipeline, numbers: MySQLNumbers, urls: dict[str, str]
) -> None:
    """Its session lives, but lost the lease, as after a failover to a standby, which knows no such locks."""
    pipeline.run(numbers.table)
    with Wire(urlsplit(pipeline.target_url).port or 0) as wire:
        victim = Victim(numbers.table, urls["SOFTCART_MYSQL_URL"], through(pipeline.target_url, wire))
        assert victim.run() == 0
        numbers.change(1)
        paused = victim.signalled(signal.SIGSTOP, wire, int(wire.steps * 0.45), goes_on=True)
        pipeline.query("UPDATE sync.leases SET token = token + 1 RETURNING token")
        before = everything(pipeline)
        os.kill(paused.pid or 0, signal.SIGCONT)
        paused.join()
    assert paused.exitcode == FENCED
    assert everything(pipeline) == before


def test_a_killed_pass_does_not_keep_the_next_one_waiting(
    pipeline: Pipeline, numbers: MySQLNumbers, urls: dict[str, str]
) -> None:
    """Its session waits for a lock in the middle of a statement, and would do so as long as that is held."""
    pipeline.run(numbers.table)
    numbers.change(1)
    victim = Victim(numbers.table, urls["SOFTCART_MYSQL_URL"], pipeline.target_url)
    with closing(connect_postgresql(pipeline.target_url)) as other, other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE raw.numbers IN ACCESS EXCLUSIVE MODE")
        process = victim.begin()
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'raw.numbers'::regclass AND NOT granted"
        while pipeline.query(waiting) == [(0,)]:
            assert process.is_alive()
        process.kill()
        with closing(connect_postgresql(pipeline.target_url)) as next_one, lease(next_one, "raw.numbers", 30):
            pass
    assert_equal_after_a_pass(pipeline, numbers.table, numbers)
