"""The rows of one MySQL table as COPY lines.

The server builds the lines. It cannot build one that exceeds its max_allowed_packet, and long texts it
escapes slowly: such a row comes as a predicate that finds it, and is fetched a column at a time afterwards,
in the same snapshot.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Iterator, Sequence
from itertools import repeat
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import pymysql
from pymysql.cursors import SSCursor

from sync.copytext import NULL, Chunk, Rejected, escape, escape_bytes, line, misfit, reject
from sync.errors import SyncError
from sync.sources.mysql.catalog import SourceTable, column_of, quote
from sync.sources.mysql.types import (
    DATES,
    MISFIT_MARK,
    NUMBER_KINDS,
    OVERFLOW_MARK,
    OVERFLOW_SQL,
    Expression,
    expression,
    kind_of,
)
from sync.sources.mysql.wire import stream_column
from sync.sources.portions import portions
from sync.spec import Column, Table

CHUNK_BYTES = 1 << 20
FETCH_ROWS = 50
FETCH_BYTES = 1 << 17  # of their predicates, in hex


def render(source: SourceTable, table: Table, column: Column) -> Expression:
    """The expression of a declared column. Raises `SyncError` with table and column where there is none."""
    found = column_of(source, table, column.source_name)
    try:
        return expression(found, column, fetchable=bool(table.key))
    except SyncError as error:
        raise SyncError(f"{table.qualified}, {error}") from error


def cursor_condition(source: SourceTable, table: Table, since: str) -> str:
    """The rows whose cursor is at least `since`, as PostgreSQL writes it, or NULL, or a zero date: whatever
    that becomes, it is no time by which a row can be found."""
    cursor = column_of(source, table, table.cursor_source_name)
    kind, name = kind_of(cursor), quote(cursor.name)
    value = since if kind in NUMBER_KINDS else _string(since.removesuffix("+00:00"))
    undated = f" OR {name} = 0" if kind in DATES else ""
    return f"({name} >= {value} OR {name} IS NULL{undated})"


class RowReader:
    """Reads one table through one list of expressions."""

    def __init__(
        self,
        connection: pymysql.Connection[Any],
        source: SourceTable,
        table: Table,
        columns: Sequence[Column],
        where: str = "",
        index: str = "",
    ) -> None:
        self._connection = connection
        self._source = source
        self._table = table
        self._columns = columns
        self._from = f"{source.quoted} {index}" + (f" WHERE {where}" if where else "")
        self._expressions = [render(source, table, column) for column in columns]
        self._key = [[column.name for column in columns].index(part) for part in table.key]

    def chunks(self) -> Iterator[Chunk]:
        """The table's rows, those of the condition `where` if there is one, by the hint `index`.

        Raises PyMySQL's errors, and `SyncError` for a row that cannot be had whole.
        """
        yield from self.chunks_of(self._lines())

    def chunks_of(self, lines: Iterator[list[bytes]]) -> Iterator[Chunk]:
        """The same of lines that were had otherwise; those that are too long for one are read here."""
        with SpooledTemporaryFile(CHUNK_BYTES) as oversize:
            # No variable of a loop: it would hold a row, which may be long, while the next one is read.
            yield from map(self._chunk, _gathered(lines), repeat(oversize))
            oversize.seek(0)
            yield from map(self._chunk, _gathered(self._oversize(oversize)), repeat(oversize))

    def _lines(self) -> Iterator[list[bytes]]:
        return stream_column(self._connection, f"SELECT {self.line} FROM {self._from}")

    @property
    def line(self) -> str:
        """The expression of a row's line."""
        fields = r", '\t', ".join(each.field for each in self._expressions)
        return rf"COALESCE(CONCAT({fields}, '\n'), CONCAT({OVERFLOW_SQL}, {self._predicate()}))"

    def _predicate(self) -> str:
        parts = [
            f"{_string(f'{each.column} = ')}, {each.literal}"
            for each in (self._expressions[index] for index in self._key)
        ]
        return ", ' AND ', ".join(parts) or "''"

    def _chunk(self, rows: list[bytes], oversize: IO[bytes]) -> Chunk:
        lines = b"".join(rows)
        if b"\0" not in lines:
            return Chunk(lines, len(rows))
        good, rejected = [], []
        for row in rows:
            if row.startswith(OVERFLOW_MARK):
                oversize.write(row.removeprefix(OVERFLOW_MARK).hex().encode() + b"\n")
            elif b"\0" in row:
                rejected.append(self._reject(row))
            else:
                good.append(row)
        return Chunk(b"".join(good), len(good), tuple(rejected))

    def _reject(self, row: bytes) -> Rejected:
        fields = row.removesuffix(b"\n").split(b"\t")
        loadable = not any(b"\0" in fields[index] for index in self._key)
        reasons = []
        for index, column in enumerate(self._columns):
            if b"\0" in fields[index]:
                fields[index] = fields[index].removeprefix(MISFIT_MARK)
                reasons.append(misfit(column, fields[index]))
        return reject(self._table, self._columns, fields, "; ".join(reasons), loadable)

    def _oversize(self, predicates: IO[bytes]) -> Iterator[list[bytes]]:
        for encoded in portions(predicates, FETCH_ROWS, FETCH_BYTES, len):
            wanted = [bytes.fromhex(each.decode()).decode() for each in encoded]
            if not all(wanted):
                raise SyncError(
                    f"{self._table.qualified}: a row exceeds the source's max_allowed_packet and the table"
                    f" has no key to fetch it by; raise max_allowed_packet there or declare a key"
                )
            yield from self._by_columns(wanted)

    def _by_columns(self, predicates: list[str]) -> Iterator[list[bytes]]:
        shown = ", ".join(f"{each.fetched}, {each.fits or '1'}" for each in self._expressions)
        either = " OR ".join(f"({predicate})" for predicate in predicates)
        found = 0
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(f"SELECT {shown} FROM {self._source.quoted} WHERE {either}")
            while (values := cursor.fetchone()) is not None:
                found += 1
                rows = [line(map(self._fetched, self._expressions, values[::2], values[1::2]))]
                del values
                cursor._result.rows = ()  # type: ignore[attr-defined]  # PyMySQL keeps the last one too
                yield rows
                del rows
        if found != len(predicates):
            raise SyncError(
                f"{self._table.qualified}: {found} rows have one of {len(predicates)} keys"
                f" ({predicates[0]}, …); declare a key that is unique"
            )

    def _fetched(self, expression: Expression, value: Any, fits: int) -> bytes:
        if value is None:
            return NULL
        if isinstance(value, str):
            field = escape(value)
        else:
            field = b"\\\\x%b" % hexlify(value) if expression.binary else escape_bytes(value)
        return field if fits else MISFIT_MARK + field


def _gathered(pieces: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """Rows in lists of about CHUNK_BYTES."""
    gathered: list[bytes] = []
    size = 0
    for rows in pieces:
        gathered += rows
        size += sum(map(len, rows))
        if size >= CHUNK_BYTES:
            del rows
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def _string(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
