"""What a source is to the engine: it describes its tables and reads them, at one moment, as COPY text.

A further system is a further module with these two classes. Its reading must convert a value in one place
only, so that a full load, a pass above a watermark and a re-read by key give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sync.copytext import Chunk
from sync.errors import SyncError
from sync.objects import ObjectsRead, SourceObject
from sync.spec import Column, Strategy, Table

EARLIEST = datetime.min.replace(tzinfo=UTC)  # before which nothing is certain to be there


@dataclass(frozen=True)
class Capabilities:
    """What a source can do: `strategies` are the ways in which it tells what changed, `log_needs` what the
    log takes of its server and user. `has_objects`: it is read object by object, see `ObjectSnapshot`."""

    strategies: frozenset[Strategy]
    log_needs: str = ""
    has_objects: bool = False


@dataclass(frozen=True)
class Description:
    """A table as its source has it, under the target's column names and types.

    `columns` are the declared ones, or the catalog's where nothing is declared. `exists` is False for a
    collection (MongoDB makes one at its first document) or an optional table that the source does not have.
    `note` is what a user should know of the server, empty mostly.
    """

    columns: tuple[Column, ...]
    exists: bool = True
    note: str = ""


@dataclass(frozen=True)
class Bound:
    """What open transactions leave certain, found just before a snapshot was opened.

    No transaction that began before `at` is missing from the snapshot; None: the source may not tell.
    `greatest` is the cursor's greatest value at `probed_at`, asked for only where the cursor is a number.
    `server` tells who answered: where it is another one than before, rows that were read may be gone, and
    older ones have appeared. None: it cannot be told. `note` tells a user what the bound does not cover, as
    transactions that are open elsewhere. All times are those of the server where rows are written.
    """

    at: datetime | None
    probed_at: datetime
    greatest: str | None = None
    server: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """That a server takes its rows from others, whose open transactions do not show there. `kind` names what
    it is; `lag` is how far it is behind the one that it is furthest behind, None where it stands still or
    does not tell, for which `untold` has the words and the way out."""

    kind: str
    lag: timedelta | None
    untold: str

    @property
    def note(self) -> str:
        """What a user should know of how old its rows are, empty where that is known."""
        return "" if self.lag is not None else f"the source is {self.kind}, and {self.untold}"

    def bound(self, bound: Bound, overlap: timedelta) -> Bound:
        """What a bound that the server's own transactions leave is worth, by the time of the one it follows.

        What it applies has one order, so a transaction that was open there for no longer than `overlap` is
        not missing. While nobody knows how old its rows are, nothing is certain.
        """
        if self.lag is None:
            return replace(bound, at=EARLIEST, note=f"{self.note}; the watermark waits for that")
        probed_at = bound.probed_at - self.lag
        at = min(bound.at or probed_at, probed_at) - overlap
        note = (
            f"the source is {self.kind}, which does not show the transactions that are open where its rows"
            f" come from: one that stays open there for longer than the overlap of"
            f" {overlap.total_seconds():g} s is found by a full comparison alone. Name the primary in the"
            f" URL, or declare a longer overlap"
        )
        return replace(bound, at=at, probed_at=probed_at, note=note)


def unknown_exclusion(table: Table, place: str, name: str, columns: Iterable[str]) -> SyncError:
    """What to raise where `exclude` holds a name that no column of `place` has: a misspelt one would hide
    nothing, in silence."""
    return SyncError(
        f"{table.qualified}: exclude names {name!r}, but {place} has no such column that this user may read:"
        f" {', '.join(columns)}. Correct it, or leave it out of exclude"
    )


class Snapshot(Protocol):
    """The source at one moment, as long as it is open."""

    @property
    def taken_at(self) -> datetime:
        """The moment that its rows show, by the source's clock; of a replica, what it is behind is taken
        off."""

    @property
    def position(self) -> str | None:
        """Where the source's log stood: all that lies before it is in the snapshot. None without a log."""

    @property
    def log_start(self) -> str | None:
        """The position, with what tells the log from one that is begun anew; that may have to be read."""

    @property
    def bound(self) -> Bound | None:
        """What a watermark must not pass; None unless it was asked for."""

    def count(self, table: Table) -> int:
        """The table's rows."""

    def shows_one_moment(self, table: Table) -> bool:
        """Whether a complete reading that has ended and `count` show the same rows. False for a table that
        the source reads as it is while it is read."""

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        """Stream the table's rows, fields in the order of `columns` and fit for their types.

        With `since`, only those whose cursor is at least that, or NULL, or cannot be compared with it. It is
        written as PostgreSQL writes a value of the cursor's type, times with a zone in UTC.

        A table that the source may lack (it is optional, or MongoDB's) is empty then. A row with a value that
        its column cannot hold exactly comes as `Rejected`. Raises `SyncError` for a pair of types that has no
        exact conversion, or a table that is not there.
        """


@dataclass(frozen=True)
class Touched:
    """What a log says of one table since a position.

    `keys` are the distinct keys of rows that were written or deleted, in the source's own form, `rows` how
    many changes there were. `reload` tells what happened that only a complete reading can follow.
    """

    keys: Iterable[Any]
    rows: int
    reload: str | None = None


@dataclass(frozen=True)
class Changes:
    """What a log says up to `position`, the end of a transaction. `complete` is False where the limit ended
    the reading before the snapshot; `committed_at` is the time of the last transaction."""

    touched: dict[Table, Touched]
    position: str
    complete: bool
    committed_at: datetime | None


@dataclass(frozen=True)
class Mark:
    """All rows before `place` have been read, in the order of a table's portions; None: all rows."""

    place: str | None


class LogSnapshot(Snapshot, Protocol):
    """A snapshot of a source whose log can be followed up to it."""

    def changes(self, starts: Mapping[Table, str], limit: int) -> Changes:
        """What was touched since each table's position, read at once for all.

        After the transaction with which the tables have `limit` distinct keys together the reading ends.
        Raises `SyncError` where the log does not lead from a position to this snapshot any more.
        """

    def reread(
        self, table: Table, columns: Sequence[Column], touched: Touched, up_to: str | None = None
    ) -> Iterator[tuple[bytes, Chunk]]:
        """The rows of touched keys as they are in this snapshot, in portions: the keys as COPY lines in the
        order of the declared key, and the rows that were found; only those before a mark of `portions` where
        its place is given."""

    def portions(
        self, table: Table, columns: Sequence[Column], after: str | None
    ) -> Iterator[Chunk | Mark] | None:
        """The rows of the whole table, or those behind the mark at `after`, in an order that holds in later
        snapshots, too, with a mark behind each portion of them. None for a table that has no such order.
        """


class ObjectReading(Protocol):
    """The reading of some of a table's objects. What `objects` says holds once all chunks were taken."""

    position: str
    is_complete: bool  # what is not among the rows is gone
    notes: tuple[str, ...]

    @property
    def objects(self) -> ObjectsRead: ...

    def chunks(self, columns: Sequence[Column]) -> Iterator[Chunk]:
        """The rows, object after object. Raises `TransientError` where one is replaced meanwhile."""

    def stale_keys(self) -> Iterator[bytes]:
        """Keys, as COPY lines, of rows that may be gone since their object was replaced."""


class ObjectSnapshot(Snapshot, Protocol):
    """A snapshot of a source that is read object by object."""

    def changed(
        self,
        table: Table,
        known: Mapping[str, SourceObject],
        everything: bool = False,
        accept_gone: bool = False,
    ) -> ObjectReading:
        """What is new since these objects were read, or `everything`. Raises `SyncError` where rows would be
        deleted since their object is gone, unless that is accepted."""


class Source(Protocol):
    """A system that rows come from."""

    system: str
    capabilities: Capabilities

    def place(self, database: str, table: str) -> str:
        """What a table is called in the state: two tables that this source can tell apart are called
        differently. The server is left out, for another may take its place."""

    def describe(self, table: Table) -> Description:
        """Raises `SyncError` for a table or a column that is not there."""

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        """The columns of the table's primary key, and of those that are as good, the best first."""

    def estimate(self, table: Table) -> int | None:
        """About how many rows the table has, None where it takes long to tell."""

    def snapshot(self, bound_for: Table | None = None) -> AbstractContextManager[Snapshot]:
        """The source as it is now, with the bound for a table that has a cursor."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class LogEnd:
    """Where a source's log ends, and when that was asked, by the source's clock."""

    position: str
    at: datetime


class LogSource(Source, Protocol):
    """A source whose log can be asked without a snapshot what changed, whatever the tables' strategies."""

    def log_end(self) -> LogEnd | None:
        """Where the log ends now: a cheap probe. None where no log is kept, or the user may not see it."""

    def follows(self, position: str) -> bool:
        """Whether this is a place in the log, as a pass over the whole table stores it too."""

    def reached(self, position: str, end: LogEnd) -> bool:
        """Whether a place in the log is its end, told without asking the server."""

    def touched(self, starts: Mapping[Table, str], end: LogEnd, limit: int, seconds: float) -> Changes:
        """What happened to each table between its position and the end, as `LogSnapshot.changes` tells it.

        The reading ends early after `limit` distinct keys or so many seconds, between two transactions.
        Raises `SyncError` where the log does not lead from a position to the end any more.
        """

    def keeps_log(self) -> timedelta | None:
        """How long the server keeps its log; None for ever, or where the user may not know."""
