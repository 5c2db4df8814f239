"""What a target is to the engine: it stages rows beside a table and applies the difference at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Protocol

from sync.copytext import Chunk
from sync.errors import SyncError
from sync.objects import ObjectsRead, SourceObject
from sync.sources.base import Description
from sync.spec import Column, Table
from sync.table_state import LEASE_WAIT_SECONDS, TableState


class Extent(Enum):
    """How much of the source was staged."""

    COMPLETE = "complete"  # all of it: what is not among it is gone
    PARTIAL = "partial"  # what may have changed: the rest is as it was


@dataclass(frozen=True)
class Shape:
    """The columns to read, with the types that they have in the target. `complete` says that the table's own
    rows lack something, as after a new column, so that only a complete reading will do. `emptied` says that
    it holds no row, although the last pass left some."""

    columns: tuple[Column, ...]
    complete: bool
    emptied: bool = False


class Finding(StrEnum):
    """What is wrong with a row of the target."""

    MISSING = "is missing"
    DIFFERENT = "differs"
    UNEXPECTED = "should not be there"


@dataclass(frozen=True)
class Differing:
    """A row in which the target differed from the source, by its key as text."""

    key: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.key} {self.finding}"


@dataclass(frozen=True)
class Moment:
    """What a load shows: the source at `taken_at`, up to `position`; `run_id` and `source` say whose, `read`
    how many rows came, `seconds` how long the pass has taken so far, and `key_is_unique` whether the source
    vouches for the key. `objects` are those that were read, where the source consists of such."""

    taken_at: datetime
    position: str | None
    run_id: str
    source: str
    read: int
    seconds: float
    key_is_unique: bool
    objects: ObjectsRead | None = None


@dataclass(frozen=True)
class Applied:
    """What a load changed. `batch` is None where nothing was written.

    `rows` are the live rows afterwards, `covered` those of the staged and rejected rows that are live or
    quarantined: fewer than were read means that some were lost.
    """

    inserted: int
    updated: int
    deleted: int
    quarantined: int
    rows: int
    covered: int
    batch: int | None
    differing: tuple[Differing, ...] = ()


@dataclass(frozen=True)
class RejectedRow:
    """A row in quarantine. `raw` holds its values as JSON, shortened; `of` says how many rows its table has
    there."""

    table: str
    key: str
    reason: str
    raw: str
    rejected_at: datetime
    of: int


@dataclass(frozen=True)
class Checkpoint:
    """How far the first load of a table has come.

    What is kept shows the source as it was where its log stood at `position`, up to `mark` in the order of
    its portions; None: all of it. `form` tells declaration and columns with which it was read. `rows` were
    read, of which `rejected` go to the quarantine.
    """

    form: str
    position: str
    mark: str | None
    rows: int
    rejected: int


def refuse_share(table: Table, rejected: int, staged: int) -> None:
    """Raises `SyncError` where more of the staged rows were rejected than the declaration allows."""
    limit = table.max_rejected_share
    if limit is not None and staged and rejected / staged > limit:
        raise SyncError(
            f"{table.qualified}: {rejected} of {staged} rows cannot be loaded, more than max_rejected_share ="
            f" {limit:g} allows. Nothing was written"
        )


class KeptLoad(Protocol):
    """What a first load has staged and keeps where it is cut off, for the next pass to go on with."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where an earlier pass was cut off; None where there is nothing to go on with."""

    def begin(self) -> None:
        """Throw away what is kept."""

    def portion(self) -> AbstractContextManager[None]:
        """What is staged and saved in the block is kept together, or none of it."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep how far what is staged has come."""

    def stage_again(self, keys: bytes, chunk: Chunk) -> None:
        """Take keys that were touched since, as COPY lines, and rows as they are now."""

    def replace(self, checkpoint: Checkpoint) -> Checkpoint:
        """Let the rows that were staged again take the place of those with touched keys, and keep that
        together with a checkpoint; returns it with the numbers of rows as they are then."""


class Load(Protocol):
    """One pass into one table, under its lease."""

    @property
    def state(self) -> TableState | None:
        """The table's state before this pass; None before the first."""

    @property
    def objects(self) -> dict[str, SourceObject]:
        """The objects that earlier passes have read, by name."""

    def shape(self, description: Description, reload: bool = False) -> Shape:
        """Find out how the table has to change to hold what is described; nothing is changed yet.

        `reload` accepts a column of another type, whose rows are all written anew. Raises `SyncError` for a
        change that it refuses: another key, another type, an adopted table that lacks the key.
        """

    @property
    def kept(self) -> KeptLoad | None:
        """What is kept of a first load, known after `shape`; None for a load that does not keep anything."""

    def stage(self, chunk: Chunk) -> int:
        """Take a part of the rows beside the table; returns how many of them go to the quarantine, the
        chunk's own rejects and those that the table cannot hold."""

    def stage_keys(self, keys: bytes) -> None:
        """Take keys, as COPY lines, that may have changed. Those whose rows are not staged before `apply` are
        gone from the source. For a partial reading."""

    def greatest(self, column: str) -> str | None:
        """The greatest value of a column among the staged rows, as PostgreSQL writes it."""

    def apply(
        self, moment: Moment, extent: Extent, dry_run: bool = False, name_differing: int = 0
    ) -> Applied:
        """Make the table equal to what was staged, in one transaction together with its shape and state.

        A `dry_run` takes it all back at the end. The first `name_differing` of the rows that differed are
        named. What was staged is gone afterwards, and another reading can be staged.
        """

    def advance(self, position: str, at: datetime) -> None:
        """Store that the table as it is shows its source up to `position` of `at`."""


class Batch(Protocol):
    """Loads of several tables that are applied together."""

    @property
    def loads(self) -> Sequence[Load]:
        """One a table, in the tables' order."""

    def apply(
        self, staged: Sequence[tuple[Load, Moment, Extent]], dry_run: bool = False, name_differing: int = 0
    ) -> list[Applied | SyncError]:
        """Apply these loads in one transaction, as `Load.apply` does one.

        A load that fails is left out, with its error as the answer, and the others are applied without it.
        """


class Target(Protocol):
    """A system that rows go to."""

    system: str

    def load(
        self, table: Table, wait_seconds: float = LEASE_WAIT_SECONDS, dry_run: bool = False
    ) -> AbstractContextManager[Load]:
        """Take the table's lease; raises `LeaseTaken` when another pass keeps it.

        After a `dry_run`, whose loads are applied as such, the target holds nothing that it did not hold
        before.
        """

    def states(self) -> dict[tuple[str, str], TableState]:
        """The state of every table by schema and name; empty where no pass ever committed."""

    def emptied(self) -> set[tuple[str, str]]:
        """The tables, by schema and name, that hold no row or are gone, although their state counts some:
        somebody else has emptied or dropped them."""

    def rejected(self, limit: int) -> list[RejectedRow]:
        """The rows in quarantine by table, of each the newest `limit` ones first."""

    def retry_rejected(self) -> list[tuple[str, str]]:
        """Let each table's next pass read its rows in quarantine again; returns these tables by schema and
        name."""

    def batch(
        self, tables: Sequence[Table], wait_seconds: float = LEASE_WAIT_SECONDS, dry_run: bool = False
    ) -> AbstractContextManager[Batch]:
        """Take the leases of all these tables, as `load` does one; raises `LeaseTaken` when another pass
        keeps one."""

    def close(self) -> None: ...
