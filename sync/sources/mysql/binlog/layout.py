"""Where a table's key lies in its row images, and how its bytes become values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sync.errors import SyncError
from sync.sources.mysql.binlog.columns import CatalogColumn, agrees, decoder
from sync.sources.mysql.binlog.events import length_encoded
from sync.sources.mysql.binlog.rows import Change, ReadRows, compile_rows, present_columns
from sync.sources.mysql.binlog.table_map import Physical, TableMap
from sync.sources.mysql.binlog.values import Decode, Value
from sync.spec import Table

Key = tuple[Value, ...]


class UnknownLayout(SyncError):
    """The log's columns are not the catalog's: the table was altered in between."""


class KeyColumns:
    """The key's columns as they are stored; two definitions of a table with equal ones share their keys."""

    def __init__(self, columns: Sequence[Physical], decoders: Sequence[Decode]) -> None:
        self.columns = tuple(columns)
        self._parts = list(zip(columns, decoders, strict=True))

    def decode(self, keys: Iterable[bytes]) -> Iterator[Key]:
        """The keys' values."""
        column, decode = self._parts[0]
        if len(self._parts) == 1 and not column.prefix:
            return zip(map(decode, keys))
        return map(self._decode, keys)

    def _decode(self, stored: bytes) -> Key:
        position, key = 0, []
        for column, decode in self._parts:
            start = position + column.prefix
            length = int.from_bytes(stored[position:start], "little") if column.prefix else column.length
            position = start + length
            key.append(decode(stored[start:position]))
        return tuple(key)


class Layout:
    """One table as one TABLE_MAP event describes it.

    Raises `UnknownLayout` where the catalog contradicts the event, `SyncError` for a key that cannot follow
    the log.
    """

    def __init__(self, table: Table, described: TableMap, catalog: Sequence[CatalogColumn]) -> None:
        self.table = table
        self._columns = described.columns
        names = described.names or _names_by_position(catalog, len(described.columns))
        by_name = {column.name.lower(): column for column in catalog}
        self.named = bool(described.names)
        if not catalog:
            raise UnknownLayout(
                f"{table.qualified}: the source has no table {described.database}.{described.table} any more"
            )
        if not self.named and not _begin_alike(catalog, described.columns):
            raise UnknownLayout(
                f"{table.qualified}: the columns of {described.database}.{described.table} in the binlog are"
                f" not those that it has now; with binlog_row_metadata=FULL the log would name them"
            )
        self._key = [_index(table, names, name) for name in key_names(table)]
        stored = [self._columns[index] for index in self._key]
        decoders = []
        for index, column in zip(self._key, stored, strict=True):
            found = by_name.get(names[index].lower())
            if found is None or not agrees(found, column):
                raise UnknownLayout(
                    f"{table.qualified}: key column {names[index]} has another definition in the binlog"
                )
            if column.nullable:
                raise SyncError(
                    f"{table.qualified}: key column {names[index]} may be NULL; declare it NOT NULL in the"
                    f" source, or declare strategy full"
                )
            try:
                decoders.append(decoder(found, column))
            except SyncError as error:
                raise SyncError(f"{table.qualified}: {error}") from error
        self.key_columns = KeyColumns(stored, decoders)
        self._code: dict[tuple[Change, bytes], ReadRows] = {}

    def read(
        self,
        change: Change,
        data: bytes,
        position: int,
        end: int,
        expand: Callable[[bytes], bytes] | None,
        add: Callable[[bytes], None],
    ) -> int:
        """Call `add` with the stored key of each row image; returns how many rows there were.

        `position` is where the event's columns are counted; `expand` undoes the rows' compression.
        """  # fmt: skip
        count, position = length_encoded(data, position)
        two = change in (Change.UPDATE, Change.PARTIAL_UPDATE)
        rows = position + (count + 7) // 8 * (2 if two else 1)
        bitmaps = data[position:rows]
        code = self._code.get((change, bitmaps)) or self._compile(change, bitmaps, count)
        if expand:
            data = expand(data[rows:end])
            rows, end = 0, len(data)
        try:
            return code(data, rows, end, add)
        except IndexError:
            raise SyncError(
                f"{self.table.qualified}: a row event does not fit the {len(self._columns)} columns that the"
                f" binlog describes"
            ) from None

    def _compile(self, change: Change, bitmaps: bytes, count: int) -> ReadRows:
        if count != len(self._columns):
            raise SyncError(
                f"{self.table.qualified}: a row event has {count} columns of {len(self._columns)}"
            )
        before = after = present_columns(bitmaps, count)
        if change in (Change.UPDATE, Change.PARTIAL_UPDATE):
            after = present_columns(bitmaps[len(bitmaps) // 2 :], count)
        try:
            code = compile_rows(self._columns, self._key, change, before, after)
        except SyncError as error:
            raise SyncError(f"{self.table.qualified}: {error}") from error
        self._code[change, bitmaps] = code
        return code


def key_names(table: Table) -> list[str]:
    """The key's columns under their names in the source."""
    sources = {column.name: column.source_name for column in table.columns}
    return [sources.get(part, part) for part in table.key]


def _index(table: Table, names: Sequence[str], name: str) -> int:
    for index, each in enumerate(names):
        if each.lower() == name.lower():
            return index
    raise UnknownLayout(f"{table.qualified}: the binlog's table has no key column {name}")


def _names_by_position(catalog: Sequence[CatalogColumn], count: int) -> tuple[str, ...]:
    """The names of so many columns, empty for one that the user may not see."""
    names = {column.position: column.name for column in catalog}
    return tuple(names.get(position, "") for position in range(1, count + 1))


def _begin_alike(catalog: Sequence[CatalogColumn], columns: Sequence[Physical]) -> bool:
    """Whether one list of columns may be the other with some added at its end."""
    return bool(catalog) and all(
        agrees(column, columns[column.position - 1]) for column in catalog if column.position <= len(columns)
    )
