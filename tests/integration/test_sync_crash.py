"""Passes that are killed, and passes that meet."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pymysql
import pytest

from sync.connections import connect_postgresql
from sync.engine import run_pass
from sync.errors import LeaseTaken
from sync.sources.mysql import MySQLSource
from sync.spec import Table
from sync.state import lease, prepare
from sync.targets.postgresql import PostgreSQLTarget
from tests.integration.sync_support import Pipeline

ROWS = 20_000
NUMBERS = Table("numbers", "mysql", "shop", key=("id",), history=True)
PASS = """
import sys
from sync.engine import run_pass
from sync.sources.mysql import MySQLSource
from sync.spec import Table
from sync.targets.postgresql import PostgreSQLTarget
table = Table("numbers", "mysql", "shop", key=("id",), history=True)
print("begin", flush=True)
run_pass(table, MySQLSource(sys.argv[1]), PostgreSQLTarget(sys.argv[2]), "victim")
print("end", flush=True)
"""


@pytest.fixture
def pipeline(shop: pymysql.Connection, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE numbers (id INT PRIMARY KEY, n INT, note VARCHAR(50))")
        cursor.execute(f"INSERT INTO numbers SELECT seq, 0, CONCAT('row ', seq) FROM seq_1_to_{ROWS}")
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


def test_a_pass_that_is_killed_anywhere_and_run_again_ends_equal(
    pipeline: Pipeline, shop: pymysql.Connection, urls: dict[str, str]
) -> None:
    choose = random.Random(7)
    killed = 0
    for step in range(1, 6):
        with shop.cursor() as cursor:
            cursor.execute(f"UPDATE numbers SET n = {step} WHERE id % 7 = {step}")
            cursor.execute(f"DELETE FROM numbers WHERE id % 101 = {step}")
        killed += _run_and_kill(urls["SOFTCART_MYSQL_URL"], pipeline.target_url, choose.uniform(0, 0.5))
        _assert_consistent(pipeline)
        pipeline.run(NUMBERS)
        _assert_equal(pipeline, shop)
    assert killed > 0


def _run_and_kill(source: str, target: str, seconds: float) -> bool:
    with subprocess.Popen([sys.executable, "-c", PASS, source, target], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        timer = threading.Timer(seconds, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        process.wait()
        timer.cancel()
        return process.returncode == -signal.SIGKILL


def _assert_consistent(pipeline: Pipeline) -> None:
    """Rows, change log and state are those of one committed pass, whenever the kill came."""
    if pipeline.query("SELECT to_regclass('history.numbers')") == [(None,)]:
        return
    difference = (
        "SELECT count(*) FROM raw.numbers r FULL JOIN (SELECT DISTINCT ON (id) * FROM history.numbers"
        " ORDER BY id, _changed_at DESC) h USING (id) WHERE r IS DISTINCT FROM h"
    )
    assert pipeline.query(difference) == [(0,)]
    state = "SELECT rows, batch FROM sync.tables"
    live = "SELECT count(*) FILTER (WHERE NOT _deleted), max(_batch) FROM raw.numbers"
    assert pipeline.query(state) in ([], pipeline.query(live))


def _assert_equal(pipeline: Pipeline, shop: pymysql.Connection) -> None:
    with shop.cursor() as cursor:
        cursor.execute("SELECT id, n, note FROM numbers ORDER BY id")
        source = list(cursor.fetchall())
    assert pipeline.query("SELECT id, n, note FROM raw.numbers WHERE NOT _deleted ORDER BY id") == source


def test_passes_that_meet_wait_for_each_other_and_leave_one_result(
    pipeline: Pipeline, urls: dict[str, str]
) -> None:
    def one(number: int) -> int:
        source = MySQLSource(urls["SOFTCART_MYSQL_URL"])
        return run_pass(NUMBERS, source, PostgreSQLTarget(pipeline.target_url), f"run-{number}").inserted

    with ThreadPoolExecutor(3) as pool:
        inserted = sorted(pool.map(one, range(3)))
    assert inserted == [0, 0, ROWS]
    assert pipeline.query("SELECT count(*) FROM history.numbers") == [(ROWS,)]


def test_a_pass_that_has_waited_long_enough_leaves_with_a_clear_word(pipeline: Pipeline) -> None:
    with closing(connect_postgresql(pipeline.target_url)) as other:
        prepare(other)
        with (
            lease(other, "raw.numbers"),
            pytest.raises(LeaseTaken, match=r"raw\.numbers: another pass holds"),
        ):
            pipeline.run(NUMBERS, wait_seconds=0.1)
