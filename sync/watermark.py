"""The position of the watermark strategy: up to where a table's cursor is known to have been read.

A row may become visible after one with a greater cursor: its transaction set the cursor and committed late.
So the position must not pass a value that an open transaction may still bring.

- A time: the position is the lesser of the greatest value read and the source's bound, before which no open
  transaction began; each pass also reads again an overlap behind it, for a cursor that an application wrote.
- A number: values are handed out in order, so the greatest one at some time is safe as soon as every
  transaction that was open then has ended. Until then it is remembered together with that time. NaN and the
  infinities are never the position: rows with them are read in each pass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sync.errors import SyncError
from sync.sources.base import EARLIEST, Bound, Snapshot
from sync.spec import Column, Strategy, Table
from sync.table_state import TableState
from sync.types import parse_type

TIMES = {"timestamptz", "timestamp", "date"}
NUMBERS = {"smallint", "integer", "bigint", "numeric"}
NOT_FINITE = {"nan", "infinity", "inf"}  # as PostgreSQL and Python write them, without the sign
# A time without a zone may be any zone's; the earliest local times are twelve hours behind UTC.
FURTHEST_BEHIND_UTC = timedelta(hours=12)
LONGEST_WAIT = 20  # numbers remembered while a transaction stays open; with fewer the position only lags more


@dataclass(frozen=True)
class Watermark:
    """`column` has been read up to `value`; `seen` are pairs of a time and the greatest number at that time
    that wait for the transactions which were open then. `server` is where it was read, see `Bound`."""

    column: str
    value: str | None
    seen: tuple[tuple[str, str], ...] = ()
    server: str | None = None

    def as_json(self) -> str:
        stored = {"cursor": self.column, "value": self.value, "seen": self.seen, "server": self.server}
        return json.dumps(stored)


def stored_watermark(table: Table, position: str | None) -> Watermark | None:
    """The watermark that a state's position holds, None where it is another column's or no watermark."""
    found = json.loads(position) if position else {}
    if not isinstance(found, dict) or found.get("cursor") != table.cursor:
        return None
    # A former release took NaN for the greatest number, and read nothing more.
    seen = tuple((at, value) for at, value in found["seen"] if _finite(value))
    return Watermark(found["cursor"], _finite(found["value"]), seen, found.get("server"))


@dataclass(frozen=True)
class WatermarkReading:
    """Where a pass over a table with a cursor begins. `since` is the least value of the cursor to read, as
    PostgreSQL writes it; None: read everything."""

    column: Column
    before: Watermark | None
    since: str | None

    @classmethod
    def of(cls, table: Table, columns: Sequence[Column], state: TableState | None) -> WatermarkReading:
        """Raises `SyncError` where the cursor is missing or its type has no order to rely on."""
        column = check_cursor(table, columns)
        followed = state is not None and state.strategy == Strategy.WATERMARK
        before = stored_watermark(table, state.position) if state and followed else None
        return cls(column, before, read_from(table, column, before) if before else None)

    def reached(self, greatest: str | None, snapshot: Snapshot) -> str:
        """The position, as JSON, after a pass that read `greatest` as the cursor's greatest value."""
        before = None if self.elsewhere(snapshot) else self.before
        reached = advance(self.column, before, greatest, snapshot.taken_at, snapshot.bound)
        known, server = self._servers(snapshot)
        return replace(reached, server=server or known).as_json()

    def elsewhere(self, snapshot: Snapshot) -> bool:
        """Whether the watermark is another server's, and says nothing of this one's rows."""
        known, server = self._servers(snapshot)
        return None not in (known, server) and known != server

    def _servers(self, snapshot: Snapshot) -> tuple[str | None, str | None]:
        """Where the last pass read, and where this one does."""
        known = self.before.server if self.before else None
        return known, snapshot.bound.server if snapshot.bound else None


def check_cursor(table: Table, columns: Sequence[Column]) -> Column:
    """The cursor's column. Raises `SyncError` where it is missing or its type has no order to rely on."""
    for column in columns:
        if column.name == table.cursor:
            if parse_type(column.type).base in TIMES | NUMBERS:
                return column
            raise SyncError(
                f"{table.qualified}: cursor {column.name} is {column.type}; a watermark needs a time or a"
                f" number that grows with every change. Declare another cursor, or strategy full"
            )
    names = ", ".join(column.name for column in columns)
    raise SyncError(f"{table.qualified}: it has no cursor column {table.cursor!r}; its columns are {names}")


def read_from(table: Table, column: Column, before: Watermark) -> str | None:
    """The least value of the cursor to read, as PostgreSQL writes it; None: read everything."""
    if before.value is None or parse_type(column.type).base in NUMBERS:
        return before.value
    moment = _time(before.value)
    try:
        return None if moment is None else _text(moment - timedelta(seconds=table.overlap_seconds), column)
    except OverflowError:
        return None


def advance(
    column: Column, before: Watermark | None, greatest: str | None, taken_at: datetime, bound: Bound | None
) -> Watermark:
    """The position after a pass that read `greatest` as the cursor's greatest value (None: it read none) in a
    snapshot taken at `taken_at`. It never goes back.
    """
    before = before or Watermark(column.name, None)
    if parse_type(column.type).base in NUMBERS:
        return _advance_number(before, greatest, taken_at, bound)
    if greatest is None:
        return before
    limit = bound.at if bound and bound.at else taken_at
    if parse_type(column.type).base != "timestamptz":
        limit = max(limit, EARLIEST + FURTHEST_BEHIND_UTC) - FURTHEST_BEHIND_UTC
    found = _time(greatest)
    reached = limit if found is None else min(limit, found)
    previous = _time(before.value) if before.value else None
    return Watermark(column.name, _text(max(reached, previous or reached), column))


def _advance_number(
    before: Watermark, greatest: str | None, taken_at: datetime, bound: Bound | None
) -> Watermark:
    seen = list(before.seen)
    if bound and bound.at:
        found, limit = (bound.probed_at.isoformat(), bound.greatest), bound.at
    else:  # what was open at the last pass is taken to have ended by now
        found, limit = (taken_at.isoformat(), greatest), taken_at - timedelta(microseconds=1)
    if (number := _finite(found[1])) and (not seen or seen[-1][1] != number):
        seen = [*seen[: LONGEST_WAIT - 1], (found[0], number)]
    value = before.value
    while seen and datetime.fromisoformat(seen[0][0]) <= limit:
        value = max(value or seen[0][1], seen.pop(0)[1], key=Decimal)
    return Watermark(before.column, value, tuple(seen))


def _finite(value: str | None) -> str | None:
    """A cursor's value, None for a number that no other one follows or precedes."""
    return None if value is None or value.lower().removeprefix("-") in NOT_FINITE else value


def _time(value: str) -> datetime | None:
    """A time as PostgreSQL writes it, as UTC; None for one that has no place between the years 1 and 9999."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime, column: Column) -> str:
    base = parse_type(column.type).base
    if base == "date":
        return str(moment.date())
    if base == "timestamp":
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return moment.astimezone(UTC).isoformat(" ")
