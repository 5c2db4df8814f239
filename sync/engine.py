"""One pass over one table: read it at one moment, stage it beside the target, apply the difference.

The engine knows no system; what differs between systems lives behind the protocols in `sources/base.py` and
`targets/base.py`.
"""

from __future__ import annotations

import time
from dataclasses import replace

from sync.errors import SyncError
from sync.passes import Compare, Options, PassResult
from sync.sources.base import Description, Snapshot, Source
from sync.spec import Deletes, Strategy, Table
from sync.state import TableState
from sync.targets.base import Extent, Load, Moment, Target
from sync.watermark import WatermarkReading

NO_BOUND = (
    "the source does not tell this user which transactions are open (MySQL: GRANT PROCESS; PostgreSQL: GRANT"
    " pg_read_all_stats): a row that is committed later than the overlap is found by a full comparison alone"
)


def run_pass(
    table: Table, source: Source, target: Target, run_id: str, options: Options | None = None
) -> PassResult:
    """Bring `table` in the target to the source's state, recording `run_id` with it.

    Raises `TransientError` where the same pass may succeed later and `SyncError` where something has to
    change first; in both cases nothing was written.
    """
    options = options or Options()
    if table.strategy not in source.capabilities.strategies:
        known = ", ".join(sorted(source.capabilities.strategies))
        raise SyncError(
            f"{table.qualified}: {source.system} cannot follow the strategy {table.strategy}; declare one of"
            f" {known}"
        )
    with target.load(table, options.wait_seconds) as load:
        if table.paused:
            return _paused(table, load.state)
        return _Pass(table, source, load, run_id, options).run()


def _paused(table: Table, state: TableState | None) -> PassResult:
    result = PassResult(table.qualified, table.strategy, paused=True)
    if state is None:
        return result
    return replace(
        result,
        rows=state.rows,
        quarantined=state.quarantined,
        position_before=state.position,
        position_after=state.position,
    )


class _Pass:
    """One pass under way; the table's lease is held."""

    def __init__(self, table: Table, source: Source, load: Load, run_id: str, options: Options) -> None:
        self._started = time.monotonic()
        self._table = table
        self._source = source
        self._load = load
        self._run_id = run_id
        self._options = options

    def run(self) -> PassResult:
        table, before = self._table, self._load.state
        description = self._source.describe(table)
        _refuse_vanished(table, description, before)
        _refuse_unknown_key(table, description)
        shape = self._load.shape(description, self._options.reload)
        watermark = None
        if table.strategy is Strategy.WATERMARK:
            watermark = WatermarkReading.of(table, shape.columns, before)
        everything = self._reads_everything(shape.complete, before)
        result = PassResult(
            table=table.qualified,
            strategy=table.strategy,
            position_before=before.position if before else None,
            source_exists=description.exists,
            columns=shape.columns,
        )
        with self._source.snapshot(bound_for=table if watermark else None) as snapshot:
            since = None if everything or watermark is None else watermark.since
            result = self._move(snapshot, result, since, watermark)
            if since is not None and not self._counts_agree(snapshot, result):
                result = self._move(snapshot, result, None, watermark)
        if watermark and (snapshot.bound is None or snapshot.bound.at is None):
            result = replace(result, notes=(NO_BOUND,))
        return replace(result, seconds=time.monotonic() - self._started)

    def _reads_everything(self, incomplete: bool, before: TableState | None) -> bool:
        asked = self._options.reload or self._options.compare is Compare.ALL
        return asked or incomplete or before is None or before.retry

    def _counts_agree(self, snapshot: Snapshot, result: PassResult) -> bool:
        """Whether the numbers of rows leave room for equality; a row in quarantine may be live too."""
        if self._options.compare is not Compare.COUNTS or self._table.deletes is Deletes.IGNORE:
            return True
        return 0 <= snapshot.count(self._table) - result.rows <= result.quarantined

    def _move(
        self, snapshot: Snapshot, result: PassResult, since: str | None, watermark: WatermarkReading | None
    ) -> PassResult:
        """Read, stage and apply once; returns `result` with what this added to it."""
        read = self._stage(snapshot, result, since)
        position = snapshot.position
        if watermark:
            position = watermark.reached(self._load.greatest(watermark.column.name), snapshot)
        moment = Moment(
            taken_at=snapshot.taken_at,
            position=position,
            run_id=self._run_id,
            source=f"{self._source.system} {self._table.database}.{self._table.source_name}",
            read=result.read + read,
            seconds=time.monotonic() - self._started,
        )
        extent = Extent.COMPLETE if since is None else Extent.PARTIAL
        applied = self._load.apply(moment, extent, self._options.dry_run, self._options.name_differing)
        lost = read - applied.covered
        return replace(
            result,
            read=result.read + read,
            inserted=result.inserted + applied.inserted,
            updated=result.updated + applied.updated,
            deleted=result.deleted + applied.deleted,
            quarantined=applied.quarantined,
            rows=applied.rows,
            batch=applied.batch or result.batch,
            position_after=position,
            compared=extent is Extent.COMPLETE,
            differences=(
                (f"{result.table}: of {read} rows that were read, {lost} are neither live nor quarantined",)
                if lost
                else ()
            ),
            differing=result.differing + applied.differing,
        )

    def _stage(self, snapshot: Snapshot, result: PassResult, since: str | None) -> int:
        if not result.source_exists:
            return 0
        observe = self._options.observe
        expected = self._source.estimate(self._table) if observe and since is None else None
        read = rejected = 0
        for chunk in snapshot.read(self._table, result.columns, since):
            read += chunk.rows + len(chunk.rejected)
            rejected += self._load.stage(chunk)
            if observe:
                observe(read, expected)
        self._refuse_share(read, rejected)
        return read

    def _refuse_share(self, read: int, rejected: int) -> None:
        limit = self._table.max_rejected_share
        if limit is not None and read and rejected / read > limit:
            raise SyncError(
                f"{self._table.qualified}: {rejected} of {read} rows cannot be loaded, more than"
                f" max_rejected_share = {limit:g} allows. Nothing was written"
            )


def _refuse_vanished(table: Table, description: Description, before: TableState | None) -> None:
    if description.exists or table.deletes is Deletes.IGNORE:
        return
    if before and (before.rows or before.quarantined):
        raise SyncError(
            f"{table.qualified}: {table.database}.{table.source_name} is gone from {table.source}, but"
            f" {before.rows} rows came from it. Nothing was deleted: restore it, correct source_table in the"
            f" declaration, or delete the rows there before you drop the collection"
        )


def _refuse_unknown_key(table: Table, description: Description) -> None:
    names = [column.name for column in description.columns]
    if unknown := [part for part in table.key if part not in names]:
        raise SyncError(
            f"{table.qualified}: its key column {unknown[0]!r} is not among its columns {', '.join(names)}"
        )
