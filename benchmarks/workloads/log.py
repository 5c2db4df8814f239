"""Transactions brought over from MySQL's log, beside the reading alone and the writing alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import measure
from benchmarks.data import CURSOR, KEY, NAMES, TABLE, Changes, fill_order_lines, transact_order_lines
from benchmarks.measure import Figures
from benchmarks.servers import Servers
from benchmarks.workloads.base import (
    OURS,
    SCHEMA,
    Contender,
    Goal,
    Sizes,
    Summary,
    Workload,
    WrongResult,
    memory,
    ratio,
)
from benchmarks.workloads.order_lines import COPY, READ, ours, pipe
from stack.home import CLONE

WRITING, READING = "PostgreSQL alone", "mariadb-binlog"
WRITE = (
    f'{COPY} --command="CREATE TEMP TABLE staged (LIKE {SCHEMA}.{TABLE})"'
    f" --command=\"COPY staged FROM STDIN WITH (NULL 'NULL')\" --command='ANALYZE staged ({KEY})'"
    f' --command="INSERT INTO {SCHEMA}.{TABLE} SELECT * FROM staged ON CONFLICT ({KEY}) DO UPDATE SET'
    f' {", ".join(f"{name} = excluded.{name}" for name in NAMES[1:])}"'
    f' --command="DELETE FROM {SCHEMA}.{TABLE} WHERE {KEY} BETWEEN $FIRST_GONE AND $LAST_GONE" < "$STAGED"'
)
READ_LOG = (
    'LD_LIBRARY_PATH="$MARIADB_LIBRARIES" mariadb-binlog --no-defaults --host=127.0.0.1 --user=softcart'
    " --read-from-remote-server --verbose --base64-output=decode-rows --to-last-log"
    ' --start-position="$LOG_POSITION" "$LOG_FILE" > /dev/null'
)


class Log(Workload):
    name = "log"
    title = "{events:,} row events of MySQL's log into {rows:,} rows: 60% updates, 30% inserts, 10% deletes"

    def __init__(self, servers: Servers, sizes: Sizes) -> None:
        super().__init__(servers, sizes)
        self._changes: Changes | None = None
        self._log = ("", 0)
        self.goals = (
            Goal("50,000 events/s, which is 20 µs an event", 20, "µs", self._microseconds),
            Goal("at most 2x the PostgreSQL part alone", 2, "x", ratio(OURS)),
            Goal("at most 100 MiB", 100, "MiB", memory(OURS)),
        )

    def contenders(self) -> Sequence[Contender]:
        ready = "the rows ready as text, copied and merged"
        reading = "the log read and decoded to nowhere"
        return (
            Contender(WRITING, WRITE, "bench_merge", remark=ready),
            Contender(READING, READ_LOG, "bench_merge", remark=reading),
            ours("log"),
        )

    def prepare(self) -> None:
        fill_order_lines(self.servers, self.sizes.rows)

    def enter(self, contender: Contender, run: Callable[[Contender], Figures]) -> None:
        if contender.name == READING:
            return
        self.servers.fresh_target(contender.database)
        self.servers.query(contender.database, f"CREATE SCHEMA {SCHEMA}")
        if contender.name == WRITING:
            measure.run(pipe(), self.environment(contender), CLONE)
        else:
            run(contender)

    def begin_round(self, number: int) -> None:
        self._log = self.servers.log_position()
        self._changes = transact_order_lines(self.servers, self.sizes.rows, number - 1)
        writing = self.contenders()[0]
        read = READ.format(where=f" WHERE {CURSOR} >= '{self._changes.since:%Y-%m-%d %H:%M:%S}'")
        measure.run(f'{read} > "$STAGED"', self.environment(writing), CLONE)

    def environment(self, contender: Contender) -> dict[str, str]:
        file, position = self._log
        changes = self._changes
        return {
            **super().environment(contender),
            "LOG_FILE": file,
            "LOG_POSITION": str(position),
            "STAGED": str(self._staged),
            "FIRST_GONE": str(changes.first_gone if changes else 0),
            "LAST_GONE": str(changes.last_gone if changes else 0),
        }

    @property
    def _staged(self) -> Path:
        return self.servers.home.root / "staged.txt"

    def check(self, contender: Contender) -> int | None:
        if contender.name == READING:
            return None
        with self.servers.shop() as cursor:
            cursor.execute(f"SELECT count(*), sum(price) FROM {TABLE}")
            expected = cursor.fetchone()
        live = " WHERE NOT _deleted" if contender.name == OURS else ""
        (found,) = self.servers.query(
            contender.database, f"SELECT count(*), sum(price) FROM {SCHEMA}.{TABLE}{live}"
        )
        if found != expected:
            raise WrongResult(f"rows and their prices are {found}, in the source {expected}")
        return None

    def _microseconds(self, found: Mapping[str, Summary]) -> float | None:
        if OURS not in found or self._changes is None:
            return None
        return found[OURS].seconds / self._changes.events * 1e6
