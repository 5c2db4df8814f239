"""A pass with nothing new over ten tables, beyond the start of its process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.data import CURSOR, TABLE, fill_order_lines
from benchmarks.measure import Figures
from benchmarks.workloads.base import OURS, SCHEMA, Contender, Goal, Summary, Workload

START = "process start"
TABLES = tuple(f"{TABLE}_{number}" for number in range(10))
ROWS = 1000


def _beyond_start(found: Mapping[str, Summary]) -> float | None:
    return found[OURS].seconds - found[START].seconds if found.keys() >= {START, OURS} else None


class Idle(Workload):
    name = "idle"
    title = "a pass with nothing new over ten tables, by watermark"
    goals = (Goal("0.2 s beyond the process's start", 0.2, "s", _beyond_start),)

    def contenders(self) -> Sequence[Contender]:
        tables = " ".join(f"shop.{table}" for table in TABLES)
        copy = (
            f'exec "$PYTHON" -m sync copy env:SOURCE_URL {tables} --to env:TARGET_URL --schema {SCHEMA}'
            f" --strategy watermark --cursor {CURSOR} --json"
        )
        modules = "sync.cli.copy, sync.sources.mysql.source, sync.targets.postgresql.target"
        remark = "Python and the modules that such a pass imports"
        start = Contender(START, f'exec "$PYTHON" -c "import {modules}"', "bench_idle", remark=remark)
        return start, Contender(OURS, copy, "bench_idle")

    def prepare(self) -> None:
        for table in TABLES:
            fill_order_lines(self.servers, ROWS, table)

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        self.servers.fresh_target(contender.database)
        run(contender)
