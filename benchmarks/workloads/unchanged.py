"""What it costs to find that nothing changed: a full pass over an equal table, and the reconciliation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.data import TABLE, fill_order_lines
from benchmarks.measure import Figures
from benchmarks.workloads.base import SCHEMA, Contender, Goal, Workload, ratio
from benchmarks.workloads.order_lines import ours

FIRST, AGAIN, VERIFY = "first load", "full pass", "verify"


class Unchanged(Workload):
    name = "unchanged"
    title = "{rows:,} rows that are equal already: a full pass, and the thorough reconciliation"
    goals = (
        Goal("a full pass: at most 2x the first load", 2, "x", ratio(AGAIN)),
        Goal("verify: at most 2x the first load", 2, "x", ratio(VERIFY)),
    )

    def contenders(self) -> Sequence[Contender]:
        load = ours("full")
        verify = (
            f'exec "$PYTHON" -m sync verify env:SOURCE_URL shop.{TABLE} --to env:TARGET_URL --schema {SCHEMA}'
        )
        return (
            replace(load, name=FIRST, database="bench_first"),
            replace(load, name=AGAIN, database="bench_equal"),
            Contender(VERIFY, verify, "bench_equal"),
        )

    def prepare(self) -> None:
        fill_order_lines(self.servers, self.sizes.rows)

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        if contender.name == AGAIN:
            self.servers.fresh_target(contender.database)
            run(contender)

    def reset(self, contender: Contender) -> None:
        if contender.name == FIRST:
            self.servers.fresh_target(contender.database)
