"""The rows of keys that the log named, read again in a snapshot.

A key whose row is not found becomes a delete, so it is asked for once more, by itself: what is true of one
row must not hang on how a server treats a long list of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, NamedTuple

import pymysql

from sync.copytext import Chunk, escape, line
from sync.errors import SyncError
from sync.sources.mysql.binlog.values import Value, literal
from sync.sources.mysql.catalog import SourceColumn, SourceTable, column_of, is_transactional, quote
from sync.sources.mysql.rows import RowReader
from sync.sources.mysql.types import CHARACTERS, UNICODE, UTF8
from sync.sources.portions import portions
from sync.spec import Column, Table
from sync.types import parse_type

PORTION = 5000  # keys that are asked for at once
PORTION_BYTES = 1 << 20  # and what they may come to in the statement, the server's own limit allowing
SINGLY = 100  # keys that one statement asks for each by itself
TEXTS = CHARACTERS - {"enum", "set"}  # whose collation takes several values for one


class _Key(NamedTuple):
    """A key as a COPY line, and as SQL: its literals, and its characters where the collation takes several
    values for one."""

    line: bytes
    wanted: str
    exactly: str

    @property
    def size(self) -> int:
        return len(self.wanted) + len(self.exactly)


class Reread:
    """Reads rows of one table by their keys; `condition` is a further one that they have to meet."""

    def __init__(
        self,
        connection: pymysql.Connection[Any],
        source: SourceTable,
        table: Table,
        columns: Sequence[Column],
        condition: str = "",
    ) -> None:
        by_name = {column.name: column for column in columns}
        self._connection = connection
        self._source = source
        self._table = table
        self._columns = columns
        self._key = [by_name[part] for part in table.key]
        self._found = [column_of(source, table, column.source_name) for column in self._key]
        # The index finds a key by a collation, under which the keys of other portions may be equal to it.
        self._texts = [column.data_type in TEXTS and column.charset in UNICODE for column in self._found]
        self._is_one = len(self._key) == 1 and not self._key[0].mask
        self._size = PORTION_BYTES
        self._condition = f" AND {condition}" if condition else ""

    def chunks(self, keys: Iterable[tuple[Value, ...]]) -> Iterator[tuple[bytes, Chunk]]:
        """See `LogSnapshot.reread`. Raises `SyncError` where the source does not show the same rows when keys
        are asked for together and one by one."""
        self._size = min(PORTION_BYTES, _max_allowed_packet(self._connection) // 2)
        for portion in portions(map(self._as_key, keys), PORTION, self._size, lambda key: key.size):
            lines, rows = b"".join(key.line for key in portion), 0
            for chunk in self._read(self._columns, portion):
                rows += chunk.rows + len(chunk.rejected)
                yield lines, chunk
                lines = b""
                del chunk
            if lines:
                yield lines, Chunk(b"", 0)
            if rows < len(portion):
                self._ask_again(portion, rows)

    def _read(self, columns: Sequence[Column], portion: Sequence[_Key]) -> Iterator[Chunk]:
        where = self._where(portion) + self._condition
        return RowReader(self._connection, self._source, self._table, columns, where).chunks()

    def _ask_again(self, portion: Sequence[_Key], rows: int) -> None:
        """Raises `SyncError` where keys that were not among so many rows have one even so."""
        if not is_transactional(self._connection, self._table):  # rows come and go meanwhile
            return
        wanted, seen, known = {key.line for key in portion}, set[bytes](), 0
        for chunk in self._read(self._key, portion):
            shown = chunk.lines.splitlines(keepends=True)
            known += sum(each in wanted for each in shown)
            seen.update(shown)
        missing = [key for key in portion if key.line not in seen]
        # Of a type whose text in the log is another one the source's rows are not known by it.
        if (singly := self._count(missing)) != rows - known:
            raise SyncError(
                f"{self._table.qualified}: of {len(portion)} keys that changed, the source shows"
                f" {rows - known} of {len(missing)} rows when they are asked for together, and {singly} when"
                f" each is asked for by itself. Nothing was written, nothing deleted: look for what limits"
                f" the results of this user, in the server's settings or in a proxy before it"
            )

    def _count(self, keys: Sequence[_Key]) -> int:
        """How many rows have one of the keys, each asked for by itself."""
        count = 0
        for portion in portions(keys, SINGLY, self._size // 2, lambda key: key.size):
            each = " UNION ALL ".join(
                f"SELECT 1 FROM {self._source.quoted} WHERE {self._where([key])}{self._condition}"
                for key in portion
            )
            with self._connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM ({each}) AS asked")
                row = cursor.fetchone()
            count += int(row[0]) if row else 0
        return count

    def _as_key(self, values: tuple[Value, ...]) -> _Key:
        if self._is_one and type(values[0]) is int:  # as most keys are, and much less work
            number = str(values[0])
            return _Key(b"%s\n" % number.encode(), number, "")
        exactly = map(_characters_of, self._found, self._texts, values) if any(self._texts) else ()
        return _Key(
            line(map(_field, self._key, values)),
            f"({', '.join(map(_wanted, self._found, values))})",
            f"({', '.join(exactly)})",
        )

    def _where(self, keys: Sequence[_Key]) -> str:
        """The condition that a row's key is one of `keys`, by its characters, too."""
        names = ", ".join(quote(column.name) for column in self._found)
        where = f"({names}) IN ({', '.join(key.wanted for key in keys)})"
        if any(self._texts):
            exact = ", ".join(map(_characters, self._found, self._texts))
            where += f" AND ({exact}) IN ({', '.join(key.exactly for key in keys)})"
        return where


def _max_allowed_packet(connection: pymysql.Connection[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@max_allowed_packet")
        row = cursor.fetchone()
    return int(row[0]) if row else PORTION_BYTES


def _wanted(column: SourceColumn, value: Value) -> str:
    """A key's value as SQL, in its column's character set: by several rows of literals in another one, with
    letters beyond ASCII's, MariaDB finds nothing."""
    if column.charset in UTF8:
        return literal(value)
    return f"CONVERT({literal(value)} USING {column.charset})"


def _characters(column: SourceColumn, text: bool) -> str:
    if not text:
        return quote(column.name)
    return f"CAST(CONVERT({quote(column.name)} USING utf8mb4) AS BINARY)"


def _characters_of(column: SourceColumn, text: bool, value: Value) -> str:
    if not text:
        return _wanted(column, value)
    characters = (
        str(value).rstrip(" ") if column.data_type == "char" else str(value)
    )  # which it does not keep
    return f"x'{characters.encode().hex()}'"


def _field(column: Column, value: Value) -> bytes:
    """A key's value as a field, in a form that the column's type takes."""
    if isinstance(value, bytes):
        text = "\\x" + value.hex().upper()
    elif isinstance(value, Decimal):
        text = f"{value:f}"
    else:
        text = str(value)
    if column.mask:
        return sha256(text.encode()).hexdigest().encode()
    if isinstance(value, str) and parse_type(column.type).base == "timestamptz":
        text += "+00"
    return escape(text)
