"""Readers beside writers that are killed, and what is left of these."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from lake.delta import Origin, commit, open_table
from lake.location import Location
from lake.maintenance import maintain
from lake.spec import PERIOD
from stack.cluster import Cluster
from stack.hdfs import SecondDataNode
from sync.errors import TransientError

FOLDER, ROWS, DAYS = "raw/events", 2000, 6
SCHEMA = pa.schema([("version", pa.int64()), (PERIOD, pa.string())])
WRITER = f"""
import sys
from tests.integration.lake.test_writers import replace_day
from lake.location import Location
for version in range(1, 1000):
    replace_day(Location(sys.argv[1]), version * 1000 + int(sys.argv[2]), version % {DAYS})
"""


def day(version: int, number: int, rows: int = ROWS) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([version] * rows, pa.int64()), pa.array([f"2026-01-0{number + 1}"] * rows)], schema=SCHEMA
    )


def replace_day(lake: Location, version: int, number: int) -> None:
    origin = Origin("a test", version, "a test")
    commit(lake, FOLDER, SCHEMA, [day(version, number)], origin, [f"2026-01-0{number + 1}"])


def fill_days(lake: Location) -> None:
    commit(lake, FOLDER, SCHEMA, [day(0, number) for number in range(DAYS)], Origin("a test", 0, "a test"))


def check_whole(lake: Location) -> int:
    """Each day is there once, written by one commit; the version that showed it."""
    table = open_table(lake, FOLDER)
    assert table is not None
    days = (
        table.to_pyarrow_table()
        .group_by(PERIOD)
        .aggregate([("version", "count"), ("version", "count_distinct")])
    )
    assert sorted(days["version_count"].to_pylist()) == [ROWS] * DAYS
    assert set(days["version_count_distinct"].to_pylist()) == {1}
    return table.version()


def start_writer(lake: Location, number: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, lake.root, str(number)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_reader_beside_killed_writers_sees_whole_days(
    lake: Location,
) -> None:
    fill_days(lake)
    chance, seen = random.Random(3), 0
    for number in range(4):
        writer = start_writer(lake, number)
        began, least = time.monotonic(), seen + 2
        killed_at = began + 60
        while writer.poll() is None:
            seen = check_whole(lake)
            if seen >= least and killed_at == began + 60:
                killed_at = time.monotonic() + chance.random() / 5
            if time.monotonic() > killed_at:
                writer.send_signal(signal.SIGKILL)
                writer.wait()
    assert check_whole(lake) >= 8


def test_a_file_that_a_killed_writer_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    lake = Location.parse(str(tmp_path))
    fill_days(lake)
    folder = Path(lake.table(FOLDER)) / f"{PERIOD}=2026-01-01"
    old, new = folder / "part-of-last-month.snappy.parquet", folder / "part-of-now.snappy.parquet"
    for path in (old, new):
        path.write_bytes(b"half a file")
    os.utime(old, (0, 0))
    maintained = maintain(lake, FOLDER)
    assert maintained is not None
    assert maintained.removed == 1
    assert (old.exists(), new.exists()) == (False, True)
    check_whole(lake)


def test_what_a_reader_may_still_need_is_not_removed(tmp_path: Path) -> None:
    lake = Location.parse(str(tmp_path))
    fill_days(lake)
    before = open_table(lake, FOLDER)
    assert before is not None
    for number in range(DAYS):
        replace_day(lake, 1, number)
    maintained = maintain(lake, FOLDER)
    assert maintained is not None
    assert maintained.removed == 0
    assert before.to_pyarrow_table().num_rows == ROWS * DAYS


@pytest.mark.extended
@pytest.mark.parametrize("lake", ["hdfs"], indirect=True)
def test_a_data_node_that_is_killed_in_mid_work_loses_nothing(lake: Location, stack: Cluster) -> None:
    fill_days(lake)
    node = SecondDataNode(stack.home)
    process = node.process()
    assert process is not None
    for number in range(DAYS):
        if number == 2:
            psutil.Process(process.pid).kill()
        repeated(lambda number=number: replace_day(lake, number + 1, number))
        repeated(lambda: check_whole(lake))
    with stack.home.locked():
        node.start(stack.ports, lambda line: None)
    assert check_whole(lake) == DAYS


def repeated(step: Callable[[], object]) -> None:
    """As Dagster repeats a step: until the NameNode has noticed, the dead node is still given new blocks."""
    deadline = time.monotonic() + 90
    while True:
        try:
            step()
            return
        except TransientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2)
