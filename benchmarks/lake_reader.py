"""A reader that polls a Delta table while writers replace its partitions and are killed.

Each version has a number of rows of its own, so a reader that saw half a commit would count what no version
has. `python -m benchmarks.lake_reader LAKE NUMBER` is a writer.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa

from lake.delta import Origin, commit, open_table
from lake.location import Location
from lake.spec import PERIOD

FOLDER = "raw/polled"
DAYS, ROWS, WRITERS = 100, 1000, 20
EACH = DAYS // WRITERS
SCHEMA = pa.schema([("n", pa.int64()), (PERIOD, pa.string())])


@dataclass
class Seen:
    """What the reader saw: reads, the versions among them, and those whose rows were no version's."""

    reads: int = 0
    versions: set[int] = field(default_factory=set)
    counted: list[tuple[int, int]] = field(default_factory=list)
    wrong: int = 0
    replaced: int = 0


def day(number: int, rows: int) -> pa.RecordBatch:
    values = [pa.array(range(rows), pa.int64()), pa.array([f"day {number:03}"] * rows)]
    return pa.RecordBatch.from_arrays(values, schema=SCHEMA)


def write(lake: Location, number: int) -> Iterator[int]:
    """Replace one partition after the other, each with a number of rows that none had."""
    for step in range(DAYS):
        place = (number * EACH + step) % DAYS
        rows = ROWS + number * DAYS + step + 1
        commit(
            lake, FOLDER, SCHEMA, [day(place, rows)], Origin("a benchmark", step, "-"), [f"day {place:03}"]
        )
        yield step


def poll(lake: Location, ended: Event, seen: Seen) -> None:
    """Count the rows of the newest version, again and again."""
    while not ended.is_set():
        table = open_table(lake, FOLDER)
        assert table is not None
        seen.reads += 1
        seen.versions.add(table.version())
        seen.counted.append((table.version(), table.to_pyarrow_table().num_rows))


def beside_killed_writers(lake: Location) -> Seen:
    """Kill each of the writers while it writes, once it has replaced its share of partitions."""
    commit(lake, FOLDER, SCHEMA, [day(number, ROWS) for number in range(DAYS)], Origin("a benchmark", 0, "-"))
    seen, ended, chance = Seen(), Event(), random.Random(7)
    reader = Thread(target=poll, args=(lake, ended, seen))
    reader.start()
    try:
        for number in range(WRITERS):
            writer = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.lake_reader", lake.root, str(number)],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert writer.stdout is not None
            for _ in range(EACH):
                if not writer.stdout.readline():
                    raise RuntimeError(f"writer {number} ended before its {EACH} partitions")
            time.sleep(chance.random() / 20)
            writer.kill()
            writer.wait()
            writer.stdout.close()
    finally:
        ended.set()
        reader.join()
    table = open_table(lake, FOLDER)
    assert table is not None
    seen.replaced, counts = table.version(), rows_by_version(lake, table.version())
    seen.wrong = sum(rows != counts[version] for version, rows in seen.counted)
    return seen


def rows_by_version(lake: Location, newest: int) -> list[int]:
    """The rows of each version by its log."""
    from deltalake import DeltaTable  # noqa: PLC0415

    versions = (DeltaTable(lake.table(FOLDER), version=version) for version in range(newest + 1))
    return [sum(pa.table(each.get_add_actions()).column("num_records").to_pylist()) for each in versions]


def main() -> None:
    for step in write(Location(str(Path(sys.argv[1]))), int(sys.argv[2])):
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
