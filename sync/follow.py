"""Change data capture in micro-batches: the log tells which keys changed, their rows are read again.

One read of the log up to a snapshot serves all tables of a source, and all of them are applied in one
transaction, so that they show one moment. A row is read in the snapshot, not taken from the log: so there is
one conversion, and the target converges to the source by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from sync.connections.postgresql import named
from sync.errors import LeaseTaken, SyncError, TransientError, UnexpectedError
from sync.log_reading import End, Failure, LogReading, Portion
from sync.passes import Options, PassResult
from sync.sources.base import Source
from sync.spec import Table
from sync.table_pass import TablePass
from sync.targets.base import Batch, Extent, Load, Moment, Target

Outcomes = dict[Table, PassResult | SyncError]


def follow(
    tables: Sequence[Table], source: Source, target: Target, run_id: str, options: Options
) -> Outcomes:
    """Bring the tables up to where the log stands now; what each came to, see `engine.run_passes`."""
    try:
        with target.batch(tables, options.wait_seconds, options.dry_run) as batch:
            return _Following(tables, source, batch, run_id, options).run()
    except Exception as error:
        if isinstance(error, SyncError) and not isinstance(error, LeaseTaken):
            return dict.fromkeys(tables, error)
        if len(tables) == 1:
            return {tables[0]: named(tables[0].qualified, error)}
        outcomes: Outcomes = {}
        for table in tables:  # each by itself, so that one that is busy, or at fault, holds up no other
            outcomes |= follow([table], source, target, run_id, options)
        return outcomes


class _Following:
    """The tables of one source, with all their leases held."""

    def __init__(
        self, tables: Sequence[Table], source: Source, batch: Batch, run_id: str, options: Options
    ) -> None:
        self._source = source
        self._batch = batch
        self._options = options
        self._loads: dict[Table, Load] = dict(zip(tables, batch.loads, strict=True))
        self._passes = {
            table: TablePass(table, source, load, run_id, options) for table, load in self._loads.items()
        }
        self._failed: dict[Table, SyncError] = {}

    def run(self) -> Outcomes:
        starts: dict[Table, str] = {}
        for table, moving in self._passes.items():
            try:
                moving.prepare()
                if (start := moving.start) is not None:
                    starts[table] = start
                else:
                    moving.run()
            except Exception as error:
                self._failed[table] = named(table.qualified, error)
        if starts:
            self._advance(starts)
        return {table: self._failed.get(table, moving.result) for table, moving in self._passes.items()}

    def _advance(self, starts: dict[Table, str]) -> None:
        """Batch after batch, until the log was read up to a snapshot."""
        reading = LogReading(
            self._source,
            columns=lambda table: self._passes[table].result.columns,
            before_reload=lambda table: self._passes[table].origin.refuse_vanished(),
            once=self._options.dry_run,
        )
        reached = starts
        try:
            with closing(reading.batches(starts)) as items:
                for item in items:
                    if isinstance(item, End):
                        self._apply(item)
                        reached = item.positions
                    elif item.table not in self._failed:
                        self._take(item)
        except Exception as error:
            remaining = {table: start for table, start in reached.items() if table not in self._failed}
            failures = {table: named(table.qualified, error) for table in remaining}
            if len(remaining) == 1 or any(isinstance(each, TransientError) for each in failures.values()):
                self._failed |= failures
                return
            for table, start in remaining.items():  # each by itself: the others' positions may be good
                self._advance({table: start})

    def _take(self, item: Portion | Failure) -> None:
        if isinstance(item, Failure):
            self._failed[item.table] = item.error
            return
        try:
            self._loads[item.table].stage_keys(item.keys)
            self._passes[item.table].take(item.chunk)
        except Exception as error:
            failure = named(item.table.qualified, error)
            if not isinstance(failure, UnexpectedError):  # the target's, which all tables share
                raise failure from error
            self._failed[item.table] = failure

    def _apply(self, end: End) -> None:
        staged: dict[Table, tuple[Load, Moment, Extent]] = {}
        for table, position in end.positions.items():
            moving = self._passes[table]
            if table in self._failed:
                continue
            try:
                moving.refuse_share()
            except SyncError as error:
                self._failed[table] = error
                continue
            extent = Extent.PARTIAL
            if reason := end.reloads.get(table):
                moving.note(f"read whole, since {reason}")
                extent = Extent.COMPLETE
            staged[table] = self._loads[table], moving.moment(end.taken_at, position), extent
        options = self._options
        answers = self._batch.apply(list(staged.values()), options.dry_run, options.name_differing)
        for (table, (_, moment, extent)), answer in zip(staged.items(), answers, strict=True):
            if isinstance(answer, SyncError):
                self._failed[table] = answer
            else:
                self._passes[table].record(answer, moment, extent)
