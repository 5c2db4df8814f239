"""Objects as a source of the engine; see `sync.sources.base`.

- full: all objects together are the table.
- append: a row is its object and line; an object that was replaced replaces its rows, one that is gone leaves
  them.
- latest: of each key the row that is greatest in the order cursor (NULL first), time, name and line of its
  object stands, whenever it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO

from sync.copytext import NULL, Chunk, Rejected, escape, line
from sync.errors import SyncError
from sync.objects import ObjectsRead, SourceObject
from sync.sources.base import Bound, Capabilities, Description
from sync.sources.files.layout import Format, Layout
from sync.sources.files.listing import compare
from sync.sources.files.parquet import parquet_rows
from sync.sources.files.store import Store
from sync.sources.files.text import Row, Unfit, csv_rows, json_rows
from sync.spec import OBJECT_LINE, OBJECT_NAME, OBJECT_TIME, Column, Strategy, Table

CHUNK_ROWS = 5_000
OURS = (OBJECT_NAME, OBJECT_LINE, OBJECT_TIME)
Rows = Callable[[BinaryIO, str, Layout, Sequence[str]], Iterator[Row]]
READERS: dict[Format, Rows] = {
    Format.CSV: csv_rows,
    Format.JSON_LINES: json_rows,
    Format.PARQUET: parquet_rows,
}


@dataclass(frozen=True)
class Place:
    """Where a table's objects are, and how they are read: by the first of `layouts` that matches the name."""

    url: str
    layouts: tuple[Layout, ...] = (Layout(),)

    def layout(self, name: str) -> Layout | None:
        return next((each for each in self.layouts if each.reads(name)), None)


class FileSource:
    """The places of several tables, by the `database` of their declarations."""

    system = "files"
    capabilities = Capabilities(
        frozenset({Strategy.FULL, Strategy.APPEND, Strategy.LATEST}), has_objects=True
    )

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = places

    def place(self, database: str, table: str) -> str:
        return f"{self.system} {database}.{table}"

    def describe(self, table: Table) -> Description:
        self._place(table)
        if not table.columns:
            raise SyncError(f"{table.qualified}: files tell no types; declare its columns")
        return Description(table.columns)

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        return [(OBJECT_NAME, OBJECT_LINE)] if table.strategy is Strategy.APPEND else []

    def estimate(self, table: Table) -> int | None:
        return None

    def listing(self, table: Table) -> list[SourceObject]:
        """The objects that are the table's now, by name: a cheap look. Raises `SyncError`."""
        place = self._place(table)
        return [each for each in Store(place.url).listing() if place.layout(each.name)]

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[FileSnapshot]:
        yield FileSnapshot(self)

    def close(self) -> None:
        """Nothing stays open."""

    def _place(self, table: Table) -> Place:
        if table.database not in self._places:
            raise SyncError(f"{table.qualified}: no place is set for the files of {table.database}")
        return self._places[table.database]


class FileSnapshot:
    """The objects as they are listed when they are asked for."""

    position: str | None = None
    log_start: str | None = None
    bound: Bound | None = None

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self.taken_at = datetime.now(UTC)

    def count(self, table: Table) -> int:
        return sum(chunk.rows + len(chunk.rejected) for chunk in self.read(table, table.columns))

    def shows_one_moment(self, table: Table) -> bool:
        return False

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        yield from self.changed(table, {}, everything=True).chunks(columns)

    def changed(
        self,
        table: Table,
        known: Mapping[str, SourceObject],
        everything: bool = False,
        accept_gone: bool = False,
    ) -> ObjectReading:
        """See `base.ObjectSnapshot`."""
        place = self._source._place(table)
        listed = self._source.listing(table)
        found = compare(table, str(Store(place.url)), listed, known, everything, accept_gone)
        return ObjectReading(table, place, found.wanted, found.gone, known, len(listed), everything)


class ObjectReading:
    """The reading of some objects; see `base.ObjectReading`."""

    def __init__(
        self,
        table: Table,
        place: Place,
        wanted: Sequence[SourceObject],
        gone: Sequence[str],
        known: Mapping[str, SourceObject],
        listed: int,
        everything: bool,
    ) -> None:
        self._table = table
        self._place = place
        self._store = Store(place.url)
        self._wanted = wanted
        self._gone = tuple(gone)
        self._known = known
        self._read: list[SourceObject] = []
        self.position = f"{listed} objects"
        is_full = table.strategy is Strategy.FULL
        whole = bool(wanted or gone) if is_full else everything and not gone
        self.is_complete = whole and table.strategy is not Strategy.LATEST
        self.notes: tuple[str, ...] = ()
        if gone and not listed:
            self.notes = (f"{self._store} lists no object any more; the rows of {len(gone)} stay",)

    @property
    def objects(self) -> ObjectsRead:
        # Who appends has to know how many lines an object had, should it come back.
        is_full = self._table.strategy is Strategy.FULL
        return ObjectsRead(tuple(self._read), self._gone if is_full else ())

    def chunks(self, columns: Sequence[Column]) -> Iterator[Chunk]:
        for wanted in self._wanted:
            yield from self._of_object(wanted, columns)

    def stale_keys(self) -> Iterator[bytes]:
        """The keys of all lines that replaced objects had, as COPY lines in the order of the key."""
        if self._table.strategy is not Strategy.APPEND:
            return
        for now in self._read:
            before = self._known.get(now.name)
            last = before.lines if before else 0
            for start in range(1, last + 1, CHUNK_ROWS):
                numbers = range(start, min(start + CHUNK_ROWS, last + 1))
                key = {OBJECT_NAME: escape(now.name)}
                yield b"".join(
                    line({**key, OBJECT_LINE: b"%d" % number}[part] for part in self._table.key)
                    for number in numbers
                )

    def _of_object(self, wanted: SourceObject, columns: Sequence[Column]) -> Iterator[Chunk]:
        layout = self._place.layout(wanted.name)
        assert layout is not None  # or it had not been listed
        fields = _Fields(self._table, wanted, layout, columns)
        lines: list[bytes] = []
        broken: list[Rejected] = []
        last = rejected = 0
        with self._store.open(wanted) as file:
            try:
                for row in READERS[layout.format](file, wanted.name, layout, fields.wanted):
                    last = row.line
                    made = fields.line(row)
                    if isinstance(made, bytes):
                        lines.append(made)
                    else:
                        broken.append(made)
                    if len(lines) + len(broken) >= CHUNK_ROWS:
                        rejected += len(broken)
                        yield Chunk(b"".join(lines), len(lines), tuple(broken))
                        lines, broken = [], []
            except Unfit as error:
                if self._table.strategy is Strategy.FULL:
                    raise SyncError(f"{self._table.qualified}: {wanted.name}: {error}") from error
                last = 1
                broken.append(fields.rejected(Row(1, [], f"the whole file is left out: {error}")))
            if lines or broken:
                yield Chunk(b"".join(lines), len(lines), tuple(broken))
            rejected += len(broken)
        self._read.append(replace(wanted, lines=last, rejected=rejected))


class _Fields:
    """Makes a row of the target of a row of an object."""

    def __init__(self, table: Table, of: SourceObject, layout: Layout, columns: Sequence[Column]) -> None:
        self._table = table
        self._name = of.name
        self._columns = columns
        self._own = {OBJECT_NAME: escape(of.name), OBJECT_TIME: escape(of.modified_at.isoformat())}
        self._times = [layout.times.get(column.name) for column in columns]
        self._read = [column.name not in OURS for column in columns]
        self.wanted = [column.source_name for column in columns if column.name not in OURS]

    def line(self, row: Row) -> bytes | Rejected:
        """The row as a COPY line, or why it is none."""
        if row.reason:
            return self.rejected(row)
        values = iter(row.values)
        fields = []
        try:
            for column, is_read, form in zip(self._columns, self._read, self._times, strict=True):
                if not is_read:
                    fields.append(self._own.get(column.name) or b"%d" % row.line)
                elif (value := next(values)) is None:
                    fields.append(NULL)
                elif form:
                    fields.append(escape(datetime.strptime(value, form).isoformat(" ")))
                else:
                    fields.append(escape(value))
        except UnicodeEncodeError:
            return self.rejected(row._replace(reason=f"column {column.name} holds bytes of another encoding"))
        except ValueError as error:
            return self.rejected(row._replace(reason=f"column {column.name}: {error}"))
        return line(fields)

    def rejected(self, row: Row) -> Rejected:
        """A broken line for the quarantine, known by its file and line number."""
        raw = row.raw or ",".join(value or "" for value in row.values)
        raw = raw.encode(errors="backslashreplace").decode().rstrip("\r\n")
        key = None
        if self._table.strategy is Strategy.APPEND:
            own = {OBJECT_NAME: escape(self._name), OBJECT_LINE: b"%d" % row.line}
            key = tuple(own[part] for part in self._table.key)
        reason = row.reason.encode(errors="backslashreplace").decode()
        return Rejected(key, f"{self._name}:{row.line}", reason, raw)
