"""The first reading of a table that will follow its log: one that is cut off is gone on with.

What was read is kept portion by portion, together with the place in the log at which it was so. A later pass
first brings that up to its own snapshot, as any pass would: it asks the log which keys were touched since and
reads their rows again. Then it reads the other portions in the same snapshot. So in the end all rows show one
moment, however often the reading was cut off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import cast

from sync.ahead import ahead
from sync.completeness import read_whole, refuse_incomplete
from sync.copytext import Chunk
from sync.declaration import as_json
from sync.errors import SyncError, TransientError
from sync.sources.base import LogSnapshot, Mark, Snapshot, Source
from sync.spec import Column, Table
from sync.targets.base import Checkpoint, KeptLoad, Load

CATCH_UP_KEYS = 100_000  # distinct keys after which what was caught up with is kept


@dataclass
class FirstReading:
    """`read` rows came in this pass, `rows` are staged with those that an earlier one kept, and `rejected` of
    these go to the quarantine. `position` is the log's place that belongs to them. `notes` are for a user;
    `observe` is told how many rows are staged."""

    source: Source
    table: Table
    columns: Sequence[Column]
    load: Load
    kept: KeptLoad
    observe: Callable[[int], None]
    read: int = 0
    rows: int = 0
    rejected: int = 0
    position: str = ""
    notes: list[str] = field(default_factory=list)

    def stage(self) -> LogSnapshot:
        """Stage the whole table; returns the snapshot, closed again, that it shows."""
        reached = self._found()
        while True:
            with self.source.snapshot() as opened:
                snapshot = cast("LogSnapshot", opened)
                log_position(self.table, self.source, snapshot)
                complete = True
                if reached:
                    reached, complete = self._catch_up(snapshot, reached)
                if complete:
                    self._read_on(snapshot, reached)
                    self._refuse_incomplete(snapshot)
                    return snapshot

    def keep(self, chunks: Iterator[Chunk], position: str) -> None:
        """Stage a whole reading that was made elsewhere, the log having stood at `position` before it began,
        for the next pass to go on with; what an earlier one kept is thrown away."""
        self.kept.begin()
        with self.kept.portion():
            for chunk in chunks:
                self._stage(chunk)
            self.kept.save(Checkpoint(self._form, position, None, self.rows, self.rejected))

    def _refuse_incomplete(self, snapshot: Snapshot) -> None:
        """Raises `SyncError`, and keeps nothing, where other rows are kept than the snapshot has."""
        try:
            refuse_incomplete(snapshot, self.table, self.rows)
        except TransientError:
            raise
        except SyncError:
            self.kept.begin()
            raise

    def _found(self) -> Checkpoint | None:
        reached = self.kept.checkpoint
        if reached is None:
            return None
        if reached.form != self._form:
            self._begin_again("its declaration or its columns have changed")
            return None
        self.notes.append(f"the first load goes on behind {reached.rows} rows that an earlier pass has read")
        return reached

    @property
    def _form(self) -> str:
        columns = [[each.name, each.type, each.source_name] for each in self.columns]
        return json.dumps([as_json(self.table), columns])

    def _begin_again(self, reason: object) -> None:
        self.notes = [f"the first load was begun again: {reason}"]
        self.kept.begin()

    def _catch_up(self, snapshot: LogSnapshot, reached: Checkpoint) -> tuple[Checkpoint | None, bool]:
        """Bring what is kept up to the snapshot; the answer's second part says whether it was."""
        try:
            changes = snapshot.changes({self.table: reached.position}, CATCH_UP_KEYS)
        except TransientError:
            raise
        except SyncError as error:  # for a first load it need not lead to here
            self._begin_again(error)
            return None, True
        touched = changes.touched[self.table]
        if touched.reload is not None:
            self._begin_again(touched.reload)
            return None, True
        for keys, chunk in snapshot.reread(self.table, self.columns, touched, reached.mark):
            self.kept.stage_again(keys, chunk)
            self.read += chunk.rows + len(chunk.rejected)
            self.observe(reached.rows + self.read)
        return self.kept.replace(replace(reached, position=changes.position)), changes.complete

    def _read_on(self, snapshot: LogSnapshot, reached: Checkpoint | None) -> None:
        """Stage what is not kept yet."""
        if reached and reached.mark is None:
            self._reached(reached)
            return
        portions = snapshot.portions(self.table, self.columns, reached.mark if reached else None)
        if portions is None:
            if reached:
                self._begin_again("its source has no primary key any more by which it could go on")
            self._read_whole(snapshot)
            return
        if reached:
            self._reached(reached)
        with closing(ahead(portions)) as items:
            while self._portion(items, snapshot, reached):
                pass

    def _portion(
        self, items: Iterator[Chunk | Mark], snapshot: LogSnapshot, reached: Checkpoint | None
    ) -> bool:
        """Stage the rows up to the next mark, and keep them together with it; returns whether it is not the
        last one."""
        with self.kept.portion():
            for item in items:
                if isinstance(item, Chunk):
                    self._stage(item)
                    continue
                if reached is None:
                    self.position = log_position(self.table, self.source, snapshot)
                self.kept.save(Checkpoint(self._form, self.position, item.place, self.rows, self.rejected))
                return item.place is not None
        return False

    def _reached(self, reached: Checkpoint) -> None:
        self.rows, self.rejected, self.position = reached.rows, reached.rejected, reached.position

    def _read_whole(self, snapshot: LogSnapshot) -> None:
        """What cannot be read in portions is kept by nobody."""
        with closing(ahead(read_whole(snapshot, self.table, self.columns))) as chunks:
            for chunk in chunks:
                self._stage(chunk)
        self.position = log_position(self.table, self.source, snapshot)

    def _stage(self, chunk: Chunk) -> None:
        rows = chunk.rows + len(chunk.rejected)
        self.read += rows
        self.rows += rows
        self.rejected += self.load.stage(chunk)
        self.observe(self.rows)


def log_position(table: Table, source: Source, snapshot: Snapshot) -> str:
    """The place in the log that belongs to a snapshot. Raises `SyncError` where there is none."""
    position = snapshot.log_start
    if position is None:
        raise SyncError(f"{table.qualified}: {source.capabilities.log_needs}. Or declare another strategy")
    return position
