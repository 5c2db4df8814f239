"""A table on its way: what a pass over it finds out, reads and stages, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import cast

from sync.ahead import ahead
from sync.completeness import read_whole
from sync.copytext import Chunk
from sync.first_load import FirstReading, log_position
from sync.origin import Origin
from sync.passes import Compare, Options, PassResult
from sync.sources.base import ObjectSnapshot, Snapshot, Source
from sync.spec import Deletes, Strategy, Table
from sync.table_state import TableState
from sync.targets.base import Applied, Extent, KeptLoad, Load, Moment, refuse_share
from sync.watermark import WatermarkReading

NO_BOUND = (
    "the source does not tell this user which transactions are open (MySQL: GRANT PROCESS; PostgreSQL: GRANT"
    " pg_read_all_stats): a row that is committed later than the overlap is found by a full comparison alone"
)
OTHER_SERVER = (
    "read whole, since another server, or a database or collection that was made anew, answered than at the"
    " last pass: what lies below the watermark may be other rows there"
)
EMPTIED = (
    "read whole, since the target's table holds no row, although the last pass left some: somebody else has"
    " emptied it"
)
ADOPTED_ROWS = 250_000  # up to so many an adopted table, which others write too, is compared by each pass
LONG_BYTES = 8 << 20  # a long row, beside which the next one must not cost its memory already


class TablePass:
    """One pass over one table; the caller holds the table's lease.

    `result` grows with every reading that was applied.
    """

    def __init__(self, table: Table, source: Source, load: Load, run_id: str, options: Options) -> None:
        self._started = time.monotonic()
        self.table = table
        self._source = source
        self._load = load
        self._run_id = run_id
        self._options = options
        self._before = load.state
        self._watermark: WatermarkReading | None = None
        self._incomplete = False
        self.origin = Origin(table, source, load.state, options.reload)
        self._read = self._rejected = 0  # rows of the reading that is staged now
        self._earlier = 0  # and those of it that earlier passes have staged
        position = self._before.position if self._before else None
        self.result = PassResult(
            table.qualified, table.strategy, position_before=position, position_after=position
        )

    def prepare(self) -> None:
        """Describe the table and find its shape in the target. Raises `SyncError`."""
        description = self.origin.describe()
        shape = self._load.shape(description, self._options.reload)
        if self.table.strategy is Strategy.WATERMARK:
            self._watermark = WatermarkReading.of(self.table, shape.columns, self._before)
        self._incomplete = shape.complete
        self.result = replace(self.result, source_exists=description.exists, columns=shape.columns)
        if shape.emptied:
            self.note(EMPTIED)
        if description.note and not self._watermark:  # which has a word of its own
            self.note(description.note)

    @property
    def start(self) -> str | None:
        """The position in the source's log from which the table can be followed; None: read it whole."""
        before = self._before
        if before is None or before.strategy != Strategy.LOG or self._reads_everything():
            return None
        return before.position

    def run(self) -> PassResult:
        """Read the table by itself, above its watermark or whole, and apply what was read."""
        if self._source.capabilities.has_objects:
            return self._run_objects()
        if self._load.kept is not None:
            return self._run_first(self._load.kept)
        watermark = self._watermark
        with self._source.snapshot(bound_for=self.table if watermark else None) as snapshot:
            since = None if watermark is None or self._reads_everything() else watermark.since
            if since is not None and watermark and watermark.elsewhere(snapshot):
                self.note(OTHER_SERVER)
                since = None
            self._move(snapshot, since)
            if since is not None and not self._counts_agree(snapshot):
                self._move(snapshot, None)
        if watermark and snapshot.bound and snapshot.bound.note:
            self.note(snapshot.bound.note)
        elif watermark and (snapshot.bound is None or snapshot.bound.at is None):
            self.note(NO_BOUND)
        return self.result

    def _run_objects(self) -> PassResult:
        """Read the objects that are new or were replaced, or all of them, and remember which they were."""
        with self._source.snapshot() as opened:
            snapshot = cast(ObjectSnapshot, opened)
            known, everything = self._load.objects, self._reads_everything()
            reading = snapshot.changed(self.table, known, everything, accept_gone=self._options.reload)
            self._stage(reading.chunks(self.result.columns))
            for keys in reading.stale_keys():
                self._load.stage_keys(keys)
            for text in reading.notes:
                self.note(text)
            moment = replace(self.moment(snapshot.taken_at, reading.position), objects=reading.objects)
            self._apply(moment, Extent.COMPLETE if reading.is_complete else Extent.PARTIAL)
        return self.result

    def _run_first(self, kept: KeptLoad) -> PassResult:
        observe = self._options.observe
        expected = self._source.estimate(self.table) if observe else None
        reading = FirstReading(
            self._source,
            self.table,
            self.result.columns,
            self._load,
            kept,
            observe=lambda rows: observe(rows, expected) if observe else None,
        )
        snapshot = reading.stage()
        self._read, self._rejected = reading.read, reading.rejected
        self._earlier = reading.rows - reading.read
        for text in reading.notes:
            self.note(text)
        self.refuse_share()
        self._apply(self.moment(snapshot.taken_at, reading.position), Extent.COMPLETE)
        return self.result

    def note(self, text: str) -> None:
        """Add what a user should know."""
        self.result = replace(self.result, notes=(*self.result.notes, text))

    def _reads_everything(self) -> bool:
        before, asked = self._before, self._options.reload or self._options.compare is Compare.ALL
        if asked or self._incomplete or before is None or before.retry:
            return True
        return self.table.adopt and before.rows <= ADOPTED_ROWS

    def _counts_agree(self, snapshot: Snapshot) -> bool:
        """Whether the numbers of rows leave room for equality; a row in quarantine may be live too."""
        if self._options.compare is not Compare.COUNTS or self.table.deletes is Deletes.IGNORE:
            return True
        return 0 <= snapshot.count(self.table) - self.result.rows <= self.result.quarantined

    def _move(self, snapshot: Snapshot, since: str | None) -> None:
        position = self._log_position(snapshot)
        self.stage(snapshot, since)
        if self._watermark:
            position = self._watermark.reached(self._load.greatest(self._watermark.column.name), snapshot)
        extent = Extent.COMPLETE if since is None else Extent.PARTIAL
        self._apply(self.moment(snapshot.taken_at, position), extent)

    def _log_position(self, snapshot: Snapshot) -> str | None:
        """Raises `SyncError` where the table's strategy is to follow a log that there is not."""
        if self.table.strategy is Strategy.LOG:
            return log_position(self.table, self._source, snapshot)
        return snapshot.position

    def _apply(self, moment: Moment, extent: Extent) -> None:
        options = self._options
        self.record(self._load.apply(moment, extent, options.dry_run, options.name_differing), moment, extent)

    def stage(self, snapshot: Snapshot, since: str | None = None) -> None:
        """Stage the whole table, or what lies above `since`."""
        expected = self._source.estimate(self.table) if self._options.observe and since is None else None
        columns = self.result.columns
        if since is None:
            read = read_whole(snapshot, self.table, columns)
        else:
            read = snapshot.read(self.table, columns, since)
        self._stage(read, expected)

    def _stage(self, read: Iterator[Chunk], expected: int | None = None) -> None:
        with closing(ahead(read, alone=lambda chunk: len(chunk.lines) >= LONG_BYTES)) as chunks:
            for chunk in chunks:
                self.take(chunk, expected)
                del chunk
        self.refuse_share()

    def take(self, chunk: Chunk, expected: int | None = None) -> None:
        """Stage rows; `expected` is about how many there are in all."""
        self._read += chunk.rows + len(chunk.rejected)
        self._rejected += self._load.stage(chunk)
        if self._options.observe:
            self._options.observe(self._read, expected)

    def moment(self, taken_at: datetime, position: str | None) -> Moment:
        """What the staged reading shows."""
        return Moment(
            taken_at=taken_at,
            position=position,
            run_id=self._run_id,
            source=self.origin.place,
            read=self.result.read + self._read,
            seconds=time.monotonic() - self._started,
            key_is_unique=self.origin.key_is_unique,
        )

    def record(self, applied: Applied, moment: Moment, extent: Extent) -> None:
        """Add what a reading came to."""
        staged = self._earlier + self._read
        lost = staged - applied.covered
        found = f"of {staged} rows that were read, {lost} are neither live nor quarantined"
        before = self.result
        self.result = replace(
            before,
            read=moment.read,
            inserted=before.inserted + applied.inserted,
            updated=before.updated + applied.updated,
            deleted=before.deleted + applied.deleted,
            quarantined=applied.quarantined,
            rows=applied.rows,
            batch=applied.batch or before.batch,
            position_after=moment.position,
            lag_seconds=self._lag(moment),
            compared=extent is Extent.COMPLETE,
            differences=(f"{before.table}: {found}",) if lost else (),
            differing=before.differing + applied.differing,
            seconds=time.monotonic() - self._started,
        )
        self._read = self._rejected = 0

    def _lag(self, moment: Moment) -> float | None:
        """How far the table was behind the first reading of the pass."""
        if self.result.lag_seconds is not None or self._before is None:
            return self.result.lag_seconds
        return max(0.0, (moment.taken_at - self._before.synced_at).total_seconds())

    def refuse_share(self) -> None:
        """Raises `SyncError` where more of the staged rows were rejected than the declaration allows."""
        refuse_share(self.table, self._rejected, self._earlier + self._read)


def paused(table: Table, state: TableState | None) -> PassResult:
    """What there is to say of a table that its declaration leaves alone."""
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
