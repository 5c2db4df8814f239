"""The first load of a wide table: a whole process, into a table with its primary key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.data import TABLE, fill_order_lines
from benchmarks.workloads.base import (
    OURS,
    SCHEMA,
    Contender,
    Goal,
    Summary,
    Workload,
    WrongResult,
    memory,
    ratio,
)
from benchmarks.workloads.order_lines import RAW_PIPE, dlt, ingestr, ours, pipe, sling


def _to_best_peer(found: Mapping[str, Summary]) -> float | None:
    peers = [summary.seconds for name, summary in found.items() if name not in (RAW_PIPE, OURS)]
    return found[OURS].seconds / min(peers) if peers and OURS in found else None


class FirstLoad(Workload):
    name = "first-load"
    title = "first load, {rows:,} rows of 15 columns, with primary key and checks"
    goals = (
        Goal("at most 1.2x the raw pipe", 1.2, "x", ratio(OURS)),
        Goal("at most half the best peer's time", 0.5, "x", _to_best_peer),
        Goal("at most 100 MiB", 100, "MiB", memory(OURS)),
    )

    def contenders(self) -> Sequence[Contender]:
        floor = Contender(RAW_PIPE, pipe(), "bench_pipe")
        return floor, ours("full"), dlt(incremental=False), ingestr(incremental=False), sling()

    def prepare(self) -> None:
        fill_order_lines(self.servers, self.sizes.rows)

    def reset(self, contender: Contender) -> None:
        self.servers.fresh_target(contender.database)
        self.servers.query(contender.database, f"CREATE SCHEMA {SCHEMA}")

    def check(self, contender: Contender) -> int:
        ((rows,),) = self.servers.query(contender.database, f"SELECT count(*) FROM {SCHEMA}.{TABLE}")
        if rows != self.sizes.rows:
            raise WrongResult(f"{rows} rows arrived of {self.sizes.rows}")
        return int(rows)
