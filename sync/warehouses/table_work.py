"""One table's share of a pass of the mirror, while it runs and as its result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sync.warehouses.changes import LoadMode
from sync.warehouses.contract import Selection
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.rolling import Rolling
from sync.warehouses.schema import Row, TableName, TableSchema


@dataclass(frozen=True)
class TableResult:
    """What a pass did to one table. `rows` are production's after it, `rejected` those of staging that it
    could not take, `seconds` those that its rows took."""

    name: TableName
    mode: LoadMode
    inserted: int
    updated: int
    deleted: int
    rows: int
    rejected: int
    position_before: StagingPosition | None
    position_after: StagingPosition
    seconds: float

    @property
    def changed(self) -> int:
        """How many rows were written."""
        return self.inserted + self.updated + self.deleted

    @property
    def is_anew(self) -> bool:
        """Whether every row of it came, and not the changes alone."""
        return self.mode in (LoadMode.LOAD, LoadMode.COMPARISON)


def rolling_after(results: Sequence[TableResult]) -> Rolling:
    """What is compared after a pass that had these results."""
    anew = {table.name for table in results if table.is_anew}
    return Rolling(anew, {table.name: table.rows for table in results})


@dataclass
class TableWork:
    """One table's share of a pass, while it runs."""

    schema: TableSchema
    position: StagingPosition
    state: MirrorState | None
    mode: LoadMode
    again: tuple[Row, ...]
    received: int = 0
    rejected: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    counted: int | None = None
    seconds: float = 0.0

    @property
    def moves(self) -> bool:
        return self.mode is not LoadMode.NOTHING

    @property
    def selection(self) -> Selection:
        if self.mode is LoadMode.CHANGES and self.state is not None:
            return Selection(self.schema, self.state.position.batch, self.again)
        return Selection(self.schema)

    @property
    def rows(self) -> int:
        """The table's rows after the pass; those of one that took in its changes alone nobody has to
        count."""
        if self.counted is not None:
            return self.counted
        return (self.state.rows if self.state else 0) + self.inserted - self.deleted

    def result(self) -> TableResult:
        return TableResult(
            name=self.schema.name,
            mode=self.mode,
            inserted=self.inserted,
            updated=self.updated,
            deleted=self.deleted,
            rows=self.rows,
            rejected=self.rejected if self.moves else len(self.again),
            position_before=self.state.position if self.state else None,
            position_after=self.position,
            seconds=self.seconds,
        )

    @contextmanager
    def timed(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds += time.monotonic() - started
