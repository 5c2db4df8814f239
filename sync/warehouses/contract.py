"""What a production warehouse, and staging in front of it, are to the mirror and the verification.

A pass holds a `Session`: the warehouse's lease, and within it one transaction of rows. Where DDL commits, or
is forbidden in a transaction, `migrate` and `stage` run before that transaction and `complete` and the views
after it; where it does not (`Capabilities.transactional_ddl`) everything is one transaction. The calls and
their order are the same: see `mirror.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO, Protocol

from sync.warehouses.changes import Completion, LoadMode, TableChange
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.rolling import Progress
from sync.warehouses.schema import Row, Schemas, TableName, TableSchema
from sync.warehouses.scope import KeyRange, Scope
from sync.warehouses.views import MadeView, View, ViewState

Chunks = Iterable[Sequence[Row]]


class Hashing(Enum):
    """How a warehouse can hash rows so that staging gets the same numbers."""

    RECORD = "record"  # PostgreSQL's own hash of a row's text
    MD5 = "md5"  # the first 60 bits of MD5 over the canonical bytes of `fingerprint.py`
    NONE = "none"  # not at all: its rows are fetched and compared by value


@dataclass(frozen=True)
class Capabilities:
    """What a system can do, declared by its package or probed; nowhere else is asked which system it is. What
    is not said it cannot do.

    `retypes_in_place`: a column's type can be changed to any other; if not, the table is loaded anew beside
    itself. `enforces_keys`: it refuses a row whose parent is missing. `key_ranges`: it reads a range of keys
    for the price of its rows, so that a pass compares a large table in parts; its readers are `RangeReader`s.
    `no_readers` is what a person is told where there is no `{role}` to read the views. `unverified` names the
    promises that the server at hand cannot show, such as a rollback in an emulator.
    """

    transactional_ddl: bool = False
    retypes_in_place: bool = False
    enforces_keys: bool = False
    materialized_views: bool = False
    hashing: Hashing = Hashing.NONE
    empty_text_is_null: bool = False
    key_ranges: bool = False
    no_readers: str = "production has no role {role}: create it, and the next pass lets it read the views"
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Rows of one of staging's tables, as its columns without the bookkeeping ones.

    Without `above` they are the live rows. With it they are the rows of later batches, whose last column says
    whether they are deleted, and the rows with the keys `again`, whatever their batch. `source` is staging's
    table where production's has another name.
    """

    schema: TableSchema
    above: int | None = None
    again: tuple[Row, ...] = ()
    source: TableName | None = None

    @property
    def table(self) -> TableName:
        """The table in staging."""
        return self.source or self.schema.name

    @property
    def has_deleted(self) -> bool:
        return self.above is not None


# By bucket of the rows' hashes: the number of rows and the sum of their hashes.
Fingerprint = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Difference:
    """A row that differs, by its key: `in_staging` and `in_production` say where it is at all."""

    key: Row
    in_staging: bool
    in_production: bool


class Snapshot(Protocol):
    """Staging at one moment."""

    def schemas(self, tables: Sequence[TableName]) -> dict[TableName, TableSchema]:
        """The schemas of `tables`, parents before children.

        Raises `SyncError` for a table that is not there, has no primary key, or whose foreign keys form a
        circle.
        """

    def positions(self, tables: Sequence[TableName]) -> dict[TableName, StagingPosition]:
        """Where staging's tables stand."""

    def refuse_unaudited(self, tables: Sequence[TableName]) -> None:
        """Raises `SyncError` for a table whose last build did not pass its tests, or not yet."""

    def copy(self, rows: Selection, sink: BinaryIO) -> int:
        """Write rows into a file as lines of PostgreSQL's COPY text; returns their number."""

    def chunks(self, rows: Selection) -> Iterator[Sequence[Row]]:
        """Rows in portions."""

    def moved_keys(self, schema: TableSchema, since: int) -> Iterator[Sequence[Row]]:
        """The keys of the rows of batches later than `since`, in portions."""

    def key_after(self, schema: TableSchema, after: Row | None, rows: int) -> Row | None:
        """The key that lies so many rows behind `after`, or behind the beginning; None where fewer follow."""

    def fingerprint(self, scope: Scope, hashing: Hashing) -> Fingerprint:
        """Of the rows in scope."""

    def differences(
        self, scope: Scope, rows: Chunks, hashing: Hashing, buckets: Collection[int] | None, limit: int
    ) -> tuple[int, int, list[Difference]]:
        """Compare production's `rows`, by value, with those in scope whose hashes are in `buckets` (None: all
        of them); returns the number of staging's rows, how many rows differ, and the first `limit` of them by
        key."""


class Staging(Protocol):
    """The staging database."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """One moment of it, which nobody's writes move."""

    def progress(self) -> Mapping[TableName, Progress]:
        """How far the comparison of each table with production came, where any was made."""

    def store_progress(self, progress: Mapping[TableName, Progress]) -> None: ...


@dataclass(frozen=True)
class Inspection:
    """What a warehouse has, as a pass finds it.

    `identity` tells the warehouse's database from others, None where it keeps none. `actual` are the schemas
    of those of the wanted tables that are there, `states` where the mirrored tables stand, `rejected` the
    keys of the rows that a table refused, `views` what passes before made. `has_role`: the role that may read
    the views exists.
    """

    identity: str | None
    actual: Schemas
    states: Mapping[TableName, MirrorState]
    views: Mapping[TableName, ViewState]
    has_role: bool
    rejected: Mapping[TableName, tuple[Row, ...]]


@dataclass(frozen=True)
class Staged:
    """What came beside a table: `received` rows, of which `rejected` cannot be loaded."""

    received: int
    rejected: int = 0


@dataclass(frozen=True)
class Audit:
    """What an audit found of a table after its rows were written: `wrong` of the rows that were touched are
    not as staging has them; `rows` are counted, None where that was not asked for."""

    wrong: int
    rows: int | None


class Session(Protocol):
    """The warehouse's lease, held by one pass; calls come in the order of these methods."""

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        """What is there of the wanted tables and of all views."""

    def columns_of(self, table: TableName) -> tuple[str, ...] | None:
        """The columns of a table that anybody made, None where there is none."""

    def transaction(self) -> AbstractContextManager[None]:
        """The transaction of rows: begins with the fence and commits at the end of the block. Raises
        `LeaseLost` where a newer pass has taken the lease."""

    def drop_views(self, known: Mapping[TableName, ViewState]) -> None:
        """Drop these views, which passes before made, and forget them."""

    def migrate(self, changes: Sequence[TableChange]) -> None:
        """Make the tables able to receive rows."""

    def stage(self, snapshot: Snapshot, selection: Selection, mode: LoadMode) -> Staged:
        """Bring rows beside their table."""

    def upsert(self, schema: TableSchema) -> tuple[int, int]:
        """Write staged rows that are new or differ; returns how many were inserted and updated. Not asked for
        a LOAD, whose rows `stage` puts in their place."""

    def delete(self, schema: TableSchema) -> int:
        """Delete rows that are gone from staging; returns how many."""

    def audit(self, schema: TableSchema, mode: LoadMode) -> Audit:
        """Read the touched rows back inside the transaction, and count the table's unless the mode is
        CHANGES."""

    def store(self, table: TableName, state: MirrorState) -> None:
        """Record where a table stands now."""

    def complete(self, steps: Sequence[tuple[TableName, Completion]]) -> None:
        """Add keys, NOT NULL, indexes and comments that are missing."""

    def expect_views(self, views: Sequence[View]) -> None:
        """Record that these views are about to be made, so that the pass after one that was killed knows them
        for its own. Raises `SyncError` where somebody else made something of that name."""

    def create_view(self, view: View) -> None: ...

    def refresh_view(self, view: View) -> None:
        """Compute a materialized view anew, readable meanwhile."""

    def grant_view(self, view: View, role: str) -> None:
        """Let a role that exists read a view."""

    def count(self, table: TableName) -> int:
        """The rows of a table or view."""

    def store_views(self, made: Sequence[MadeView]) -> None:
        """Record what views were made from."""


class Reader(Protocol):
    """The warehouse at one moment, to be compared with staging; nothing of it is written to."""

    def schemas(self, tables: Sequence[TableName]) -> Schemas:
        """Those of `tables` that are there."""

    def states(self) -> Mapping[TableName, MirrorState]: ...

    def rejected(self, tables: Sequence[TableName]) -> Mapping[TableName, tuple[Row, ...]]:
        """The keys of the rows in quarantine."""

    def leave_out(self, schema: TableSchema, keys: Chunks) -> int:
        """Take the rows with these keys out of what is compared of a table; returns the number of keys."""

    def fingerprint(self, schema: TableSchema) -> Fingerprint:
        """Of the rows that were not left out; by the hash that the capabilities name."""

    def rows(self, schema: TableSchema, buckets: Collection[int] | None) -> Chunks:
        """The rows that were not left out, of these buckets or all."""

    def query(self, statement: str) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """The columns' names and the rows of a SELECT."""

    def rows_of(self, view: TableName) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
        """The same of all that a view shows."""

    def exists(self, table: TableName) -> bool: ...


class RangeReader(Reader, Protocol):
    """One of a warehouse that has `Capabilities.key_ranges`."""

    def within(self, schema: TableSchema, keys: KeyRange) -> None:
        """Compare only these rows of a table from now on."""


class Warehouse(Protocol):
    """A production warehouse; it connects when it is first used."""

    @property
    def system(self) -> str:
        """Its name in the scheme of a URL."""

    @property
    def capabilities(self) -> Capabilities: ...

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        """`Session.inspect` without the lease, to see whether there is anything to do."""

    def session(self, run_id: str) -> AbstractContextManager[Session]:
        """Take the lease. Raises `LeaseTaken`."""

    def reader(self) -> AbstractContextManager[Reader]:
        """A moment of the warehouse."""

    def quote(self, name: str) -> str:
        """A table's or column's name as the warehouse's SQL has it, whatever the word."""

    def close(self) -> None: ...
