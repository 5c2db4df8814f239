"""A tenth of a large table changed: the pass that brings it over by watermark, and the same pass again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from benchmarks import measure
from benchmarks.data import CURSOR, KEY, NAMES, TABLE, change_order_lines, fill_order_lines
from benchmarks.measure import Figures
from benchmarks.workloads.base import OURS, SCHEMA, Contender, Goal, Summary, Workload, WrongResult, ratio
from benchmarks.workloads.order_lines import COPY, dlt, ingestr, ours, pipe
from stack.home import CLONE

MERGE = "bare merge"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
VALUES = [name for name in NAMES if name != KEY]


def _merge(guard: str) -> str:
    assignments = ", ".join(f"{name} = excluded.{name}" for name in VALUES)
    return (
        f'{COPY} --command="INSERT INTO {SCHEMA}.{TABLE} AS t SELECT * FROM {SCHEMA}.staged'
        f' ON CONFLICT ({KEY}) DO UPDATE SET {assignments}{guard}"'
    )


class Delta(Workload):
    name = "delta"
    title = "{changes:,} changed rows into {rows:,}, by watermark"
    goals = (Goal("at most 1.5x the bare merge statement", 1.5, "x", ratio(OURS)),)
    guard = ""

    def contenders(self) -> Sequence[Contender]:
        remark = "the rows staged beforehand, unmeasured"
        floor = Contender(MERGE, _merge(self.guard), "bench_merge", remark=remark)
        return floor, ours("watermark"), dlt(incremental=True), ingestr(incremental=True)

    def prepare(self) -> None:
        fill_order_lines(self.servers, self.sizes.rows)
        self._written: dict[str, int] = {}
        self._since = LONG_AGO

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        self.servers.fresh_target(contender.database)
        self.servers.query(contender.database, f"CREATE SCHEMA {SCHEMA}")
        if contender.name == MERGE:
            self._pipe(contender, pipe())
        else:
            run(contender)

    def begin_round(self, number: int) -> None:
        self._since = change_order_lines(self.servers, number)
        self._stage()

    def environment(self, contender: Contender) -> dict[str, str]:
        return {**super().environment(contender), "SINCE": f"{self._since:%Y-%m-%dT%H:%M:%SZ}"}

    def _stage(self) -> None:
        where = f" WHERE {CURSOR} >= '{self._since:%Y-%m-%d %H:%M:%S}'"
        merge = self.contenders()[0]
        staged = f"{SCHEMA}.staged"
        self.servers.query(merge.database, f"DROP TABLE IF EXISTS {staged}")
        self._pipe(merge, pipe(where, staged))
        self.servers.query(merge.database, f"ANALYZE {staged}")

    def _pipe(self, contender: Contender, script: str) -> None:
        measure.run(script, self.environment(contender), CLONE)

    def reset(self, contender: Contender) -> None:
        self._written[contender.name] = self._writes(contender)

    def check(self, contender: Contender) -> int:
        written = self._writes(contender) - self._written[contender.name]
        ((late,),) = self.servers.query(
            contender.database,
            f"SELECT count(*) FROM {SCHEMA}.{TABLE} WHERE {CURSOR} ="
            f" (SELECT max({CURSOR}) FROM {SCHEMA}.{TABLE}) AND status = 'returned'",
        )
        if not late:
            raise WrongResult("the newest row did not arrive")
        return written

    def _writes(self, contender: Contender) -> int:
        ((writes,),) = self.servers.query(
            contender.database,
            "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
            f" WHERE (schemaname, relname) = ('{SCHEMA}', '{TABLE}')",
        )
        return int(writes)


def _rows_written(found: Mapping[str, Summary]) -> float | None:
    return found[OURS].written if OURS in found else None


class Replay(Delta):
    name = "replay"
    title = "the same {changes:,} rows once more"
    goals = (Goal("0 rows written", 0, "rows", _rows_written),)
    guard = f" WHERE ({', '.join(f't.{name}' for name in VALUES)}) IS DISTINCT FROM" + (
        f" ({', '.join(f'excluded.{name}' for name in VALUES)})"
    )

    def prepare(self) -> None:
        super().prepare()
        self._changed = change_order_lines(self.servers, 1)

    def begin_round(self, number: int) -> None:
        """The source stays as it is: each pass reads again what lies within the watermark's overlap."""
        self._since = self._changed
        if number == 1:
            self._stage()
