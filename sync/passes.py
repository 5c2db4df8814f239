"""How to run a pass, and what it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sync.spec import Column, Strategy
from sync.table_state import LEASE_WAIT_SECONDS
from sync.targets.base import Differing


class Compare(Enum):
    """What a pass compares beyond the rows that may have changed."""

    TOUCHED = "touched"  # nothing
    COUNTS = "counts"  # the numbers of rows, and the whole table where they differ
    ALL = "all"  # the whole table


@dataclass(frozen=True)
class Options:
    """How to run a pass.

    `reload` disregards the stored position and accepts a column of another type. A `dry_run` does everything
    and takes it back. The first `name_differing` rows that differed are named in the result. `observe` is
    called with the number of rows read so far and the number expected, None where that is unknown. The pass
    waits `wait_seconds` for another one over the same table.
    """

    compare: Compare = Compare.TOUCHED
    reload: bool = False
    dry_run: bool = False
    name_differing: int = 0
    wait_seconds: float = LEASE_WAIT_SECONDS
    observe: Callable[[int, int | None], None] | None = None


@dataclass(frozen=True)
class PassResult:
    """What a pass did.

    `columns` are those that it read, `rows` the target's live rows after it; `batch` is None where nothing
    was written. `differences` are the findings of the pass's reconciliation, each naming table and figures;
    empty means that the target shows what the source showed at the snapshot. `source_exists` is False for a
    table that the source does not have (yet). `compared` says that all of the source was read, `paused` that
    the declaration left the table alone. `lag_seconds` is how far behind its source the table was, None
    where it was never synced. `notes` are what a user should know.
    """

    table: str
    strategy: Strategy
    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    quarantined: int = 0
    rows: int = 0
    batch: int | None = None
    position_before: str | None = None
    position_after: str | None = None
    lag_seconds: float | None = None
    seconds: float = 0.0
    source_exists: bool = True
    compared: bool = False
    paused: bool = False
    columns: tuple[Column, ...] = ()
    differences: tuple[str, ...] = ()
    differing: tuple[Differing, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """How many of the target's rows the pass wrote."""
        return self.inserted + self.updated + self.deleted
