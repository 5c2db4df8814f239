"""Change data capture in micro-batches: the log tells which keys changed, their rows are read again.

One read of the log up to a snapshot serves all tables of a source, and all of them are applied in one
transaction, so that they show one moment. A row is read in the snapshot, not taken from the log: so there is
one conversion, and the target converges to the source by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sync.errors import LeaseTaken, SyncError, TransientError
from sync.passes import Options, PassResult
from sync.sources.base import Changes, LogSnapshot, Source
from sync.spec import Table
from sync.table_pass import TablePass
from sync.targets.base import Batch, Extent, Load, Moment, Target

BATCH_KEYS = 100_000  # distinct keys after which a batch ends, with a transaction of the source

Outcomes = dict[Table, PassResult | SyncError]


def follow(
    tables: Sequence[Table], source: Source, target: Target, run_id: str, options: Options
) -> Outcomes:
    """Bring the tables up to where the log stands now; what each came to, see `engine.run_passes`."""
    try:
        with target.batch(tables, options.wait_seconds, options.dry_run) as batch:
            return _Following(tables, source, batch, run_id, options).run()
    except LeaseTaken as error:
        if len(tables) == 1:
            return {tables[0]: error}
        outcomes: Outcomes = {}
        for table in tables:  # each by itself, so that one that is busy holds up no other
            outcomes |= follow([table], source, target, run_id, options)
        return outcomes
    except SyncError as error:
        return dict.fromkeys(tables, error)


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
            except SyncError as error:
                self._failed[table] = error
        while starts:
            starts = self._advance(starts)
        return {table: self._failed.get(table, moving.result) for table, moving in self._passes.items()}

    def _advance(self, starts: Mapping[Table, str]) -> dict[Table, str]:
        """One batch; returns where to go on, nothing when the log was read up to the snapshot."""
        try:
            with self._source.snapshot() as opened:
                snapshot = cast("LogSnapshot", opened)
                changes = snapshot.changes(starts, BATCH_KEYS)
                return self._apply(snapshot, changes)
        except SyncError as error:
            if len(starts) == 1 or isinstance(error, TransientError):
                self._failed |= dict.fromkeys(starts, error)
                return {}
        further: dict[Table, str] = {}
        for table, start in starts.items():  # each by itself: the others' positions may be good
            further |= self._advance({table: start})
        return further

    def _apply(self, snapshot: LogSnapshot, changes: Changes) -> dict[Table, str]:
        staged: dict[Table, tuple[Load, Moment, Extent]] = {}
        for table in changes.touched:
            try:
                moment, extent = self._stage(table, snapshot, changes)
            except SyncError as error:
                self._failed[table] = error
            else:
                staged[table] = self._loads[table], moment, extent
        options = self._options
        answers = self._batch.apply(list(staged.values()), options.dry_run, options.name_differing)
        for (table, (_, moment, extent)), answer in zip(staged.items(), answers, strict=True):
            if isinstance(answer, SyncError):
                self._failed[table] = answer
            else:
                self._passes[table].record(answer, moment, extent)
        if changes.complete or options.dry_run:
            return {}
        return {
            table: moment.position
            for table, (_, moment, _) in staged.items()
            if table not in self._failed and moment.position is not None
        }

    def _stage(self, table: Table, snapshot: LogSnapshot, changes: Changes) -> tuple[Moment, Extent]:
        moving, touched = self._passes[table], changes.touched[table]
        if touched.reload is None:
            moving.stage_touched(snapshot, touched)
            return moving.moment(snapshot, changes.position), Extent.PARTIAL
        moving.stage_anew(snapshot, touched.reload)
        return moving.moment(snapshot, snapshot.position), Extent.COMPLETE
