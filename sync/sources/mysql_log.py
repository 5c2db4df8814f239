"""MySQL's and MariaDB's log as a source of changes: the keys that it names, and their rows in a snapshot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Any

import pymysql

from sync.copytext import Chunk, escape, line
from sync.sources.base import Changes, Touched
from sync.sources.binlog.changes import read_changes
from sync.sources.binlog.position import Position, earliest
from sync.sources.binlog.values import Value, literal
from sync.sources.mysql_catalog import SourceColumn, SourceTable, column_of, quote
from sync.sources.mysql_rows import RowReader
from sync.sources.mysql_types import CHARACTERS, UNICODE, UTF8
from sync.spec import Column, Table
from sync.types import parse_type
from sync.urls import DatabaseUrl

PORTION = 5000  # keys that are asked for at once
TEXTS = CHARACTERS - {"enum", "set"}  # whose collation takes several values for one


def touched_since(
    url: DatabaseUrl, starts: Mapping[Table, str], bound: str, limit: int, seconds: float = math.inf
) -> Changes:
    """What the log says between the tables' positions and a bound; see `LogSnapshot.changes`.

    The log is read once, from the least advanced position: a key that a table has seen already is only read
    again.
    """
    positions = {table: Position.parse(start) for table, start in starts.items()}
    first = earliest(positions.values())
    changes = read_changes(url, list(starts), first, Position.parse(bound), limit, seconds)
    reasons: dict[Table, str] = {}
    for statement in changes.statements:
        reasons.setdefault(statement.table, f"it was {statement.kind} by {statement.text!r}")
    return Changes(
        {table: Touched(keys, len(keys), reasons.get(table)) for table, keys in changes.keys.items()},
        str(changes.position),
        changes.complete,
        changes.committed_at,
    )


def reread(
    connection: pymysql.Connection[Any],
    source: SourceTable,
    table: Table,
    columns: Sequence[Column],
    keys: Iterable[tuple[Value, ...]],
    condition: str = "",
) -> Iterator[tuple[bytes, Chunk]]:
    """The rows of `keys` that meet a condition, see `LogSnapshot.reread`."""
    by_name = {column.name: column for column in columns}
    key = [by_name[part] for part in table.key]
    found = [column_of(source, table, column.source_name) for column in key]
    names = ", ".join(quote(column.name) for column in found)
    remaining = iter(keys)
    while portion := list(islice(remaining, PORTION)):
        lines = b"".join(line(map(_field, key, values)) for values in portion)
        wanted = ", ".join(f"({', '.join(map(_wanted, found, values))})" for values in portion)
        where = f"({names}) IN ({wanted}){_exactly(found, portion)}"
        where += f" AND {condition}" if condition else ""
        for chunk in RowReader(connection, source, table, columns, where).chunks():
            yield lines, chunk
            lines = b""
        if lines:
            yield lines, Chunk(b"", 0)


def _wanted(column: SourceColumn, value: Value) -> str:
    """A key's value as SQL, in its column's character set: by several rows of literals in another one, with
    letters beyond ASCII's, MariaDB finds nothing."""
    if column.charset in UTF8:
        return literal(value)
    return f"CONVERT({literal(value)} USING {column.charset})"


def _exactly(columns: Sequence[SourceColumn], keys: Sequence[tuple[Value, ...]]) -> str:
    """The condition that a row's key is one of `keys` by its characters, too; empty where that goes without
    saying. The index finds it by a collation, under which the keys of other portions may be equal to it."""
    texts = [column.data_type in TEXTS and column.charset in UNICODE for column in columns]
    if not any(texts):
        return ""
    names = ", ".join(map(_characters, columns, texts))
    wanted = ", ".join(f"({', '.join(map(_characters_of, columns, texts, values))})" for values in keys)
    return f" AND ({names}) IN ({wanted})"


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
