"""What a target is to the engine: it stages rows beside a table and applies the difference at once."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync.copytext import Chunk
from sync.sources.base import Description
from sync.spec import Column, Table
from sync.state import LEASE_WAIT_SECONDS, TableState


@dataclass(frozen=True)
class Moment:
    """What a load shows: the source at `taken_at`, its log at `position`; `run_id` and `source` say whose."""

    taken_at: datetime
    position: str | None
    run_id: str
    source: str


@dataclass(frozen=True)
class Applied:
    """What a load changed. `batch` is None where nothing was written.

    `rows` are the live rows afterwards, `covered` the source's rows that are live or quarantined: fewer
    than were read means that some were lost.
    """

    inserted: int
    updated: int
    deleted: int
    quarantined: int
    rows: int
    covered: int
    batch: int | None


class Load(Protocol):
    """One pass into one table, under its lease."""

    @property
    def state(self) -> TableState | None:
        """The table's state before this pass; None before the first."""

    def shape(self, description: Description) -> tuple[Column, ...]:
        """Make the table fit and return the columns to read, with the types that they have in the target.

        Creates the table or follows new columns. Raises `SyncError` for a change that it refuses: another
        key, another type, an adopted table that lacks the key.
        """

    def stage(self, chunk: Chunk) -> int:
        """Take a part of the rows beside the table; returns how many of them go to the quarantine, the
        chunk's own rejects and those that the table cannot hold."""

    def apply(self, moment: Moment) -> Applied:
        """Make the table equal to the staged rows, in one transaction together with its state."""


class Target(Protocol):
    """A system that rows go to."""

    system: str

    def load(self, table: Table, wait_seconds: float = LEASE_WAIT_SECONDS) -> AbstractContextManager[Load]:
        """Take the table's lease; raises `LeaseTaken` when another pass keeps it."""

    def close(self) -> None: ...
