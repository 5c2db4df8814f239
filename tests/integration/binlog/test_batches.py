"""Eight writers while the log is followed in small batches: every bound shows one moment of the source.

Each transaction of a writer sets one counter in two tables. So a batch whose rows do not belong to one moment
shows two different counters, and one that lost a change goes back or stays behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sync.connections.mysql import connect_mysql
from sync.engine import run_passes
from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.binlog.log import Log
from tests.integration.stress import BATCHES
from tests.integration.sync_support import Pipeline

WRITERS = 8
PAUSE_SECONDS = 0.02  # between a writer's transactions, or eight of them starve the rest of a small machine
LEFT = Table("left_side", "mysql", "shop", key=("id",), strategy=Strategy.LOG, history=True)
RIGHT = Table("right_side", "mysql", "shop", key=("id",), strategy=Strategy.LOG, history=True)
TORN = (
    "SELECT l.id, l.n, r.n FROM raw.left_side l FULL JOIN raw.right_side r USING (id)"
    " WHERE l.n IS DISTINCT FROM r.n"
)
BACKWARD = (
    "SELECT id, n FROM (SELECT id, n, lag(n) OVER (PARTITION BY id ORDER BY _batch) AS before"
    " FROM history.left_side) AS versions WHERE n <= before"
)


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Writers at work while the block runs; one that fails fails the test."""
    stop = threading.Event()
    failures: list[Exception] = []

    def write(number: int) -> None:
        counter = 0
        try:
            with closing(connect_mysql(url)) as connection, connection.cursor() as cursor:
                while not stop.wait(PAUSE_SECONDS):
                    counter += 1
                    for table in ("left_side", "right_side"):
                        cursor.execute(f"UPDATE {table} SET n = {counter} WHERE id = {number}")
                    connection.commit()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_eight_writers_and_many_small_batches_end_equal_and_never_torn(log: Log, staging: str) -> None:
    with log.admin.cursor() as cursor:
        for table in ("left_side", "right_side"):
            cursor.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY, n BIGINT)")
            values = ", ".join(f"({number}, 0)" for number in range(WRITERS))
            cursor.execute(f"INSERT INTO {table} VALUES {values}")
    target = PostgreSQLTarget(staging)
    with closing(MySQLSource(log.url)) as source, closing(target):
        pipeline = Pipeline(source, staging)
        with writing(log.writer_url):
            for batch in range(BATCHES):
                sync(source, target, str(batch))
                if batch:  # the first load reads table by table
                    assert pipeline.query(TORN) == []
        sync(source, target, "last")
        assert pipeline.query(TORN) == []
        assert pipeline.query(BACKWARD) == []
        with log.admin.cursor() as cursor:
            cursor.execute("SELECT id, n FROM left_side ORDER BY id")
            wanted = list(cursor.fetchall())
        assert pipeline.query("SELECT id, n FROM raw.left_side ORDER BY id") == wanted


def sync(source: MySQLSource, target: PostgreSQLTarget, run_id: str) -> None:
    for _, outcome in run_passes([LEFT, RIGHT], source, target, run_id):
        assert not isinstance(outcome, SyncError), outcome
