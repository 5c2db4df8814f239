"""MySQL and MariaDB as a source. The server builds each row's COPY line; this side cuts and passes it on.

Needs SELECT on the tables; with REPLICATION CLIENT (MariaDB: BINLOG MONITOR) a pass also knows where the
binlog stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pymysql

from sync.connections import connect_mysql, mysql_errors
from sync.copytext import NULL, Chunk, Rejected, escape, line, misfit, reject
from sync.errors import SyncError, UnknownTableError
from sync.sources.base import Description
from sync.sources.binlog_position import binlog_position, open_snapshot
from sync.sources.mysql_catalog import SourceTable, column_of, read_table
from sync.sources.mysql_types import (
    MISFIT_MARK,
    OVERFLOW_MARK,
    OVERFLOW_SQL,
    expression,
    natural_type,
)
from sync.sources.mysql_wire import stream_column
from sync.spec import Column, Table
from sync.urls import parse

CHUNK_BYTES = 1 << 20
# Expressions rely on backslash escapes and on names in backticks alone; values are read in UTC. A target that
# is busy for minutes must not make the server hang up.
SESSION = "SET SESSION sql_mode = '', time_zone = '+00:00', net_write_timeout = 3600"


class MySQLSource:
    """A MySQL or MariaDB server; opens its connections when they are needed."""

    system = "mysql"

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._catalog: pymysql.Connection[Any] | None = None

    def __repr__(self) -> str:
        return f"MySQLSource({self._url})"

    def describe(self, table: Table) -> Description:
        try:
            with mysql_errors(f"{table.qualified} from {self._url}"):
                source = read_table(self._connection(), table)
        except UnknownTableError:
            if not table.optional:
                raise
            return Description(table.columns, exists=False)
        columns = table.columns or tuple(
            Column(column.name, natural_type(column), column.comment)
            for column in source.columns.values()
            if column.name not in table.exclude
        )
        for column in columns:
            column_of(source, table, column.source_name)
        return Description(columns)

    @contextmanager
    def snapshot(self) -> Iterator[MySQLSnapshot]:
        with mysql_errors(str(self._url)):
            connection = connect_mysql(self._url, init_command=SESSION)
        try:
            with mysql_errors(str(self._url)):
                snapshot = MySQLSnapshot(connection)
            yield snapshot
        finally:
            connection.close()

    def position(self) -> str | None:
        """Where the binlog stands now, None without one or the right to ask: a cheap probe for change."""
        with mysql_errors(str(self._url)):
            return binlog_position(self._connection())

    def close(self) -> None:
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def _connection(self) -> pymysql.Connection[Any]:
        if self._catalog is None or not self._catalog.open:
            self._catalog = connect_mysql(self._url, init_command=SESSION, autocommit=True)
        return self._catalog


class MySQLSnapshot:
    """A repeatable read that began at one moment, on a connection of its own."""

    def __init__(self, connection: pymysql.Connection[Any]) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT UTC_TIMESTAMP(6)")
            row = cursor.fetchone()
            assert row is not None
            self.taken_at: datetime = row[0].replace(tzinfo=UTC)
        self.position: str | None = open_snapshot(connection)

    def read(self, table: Table, columns: Sequence[Column]) -> Iterator[Chunk]:
        with mysql_errors(table.qualified):
            source = read_table(self._connection, table)
            reader = _Reader(self._connection, table, columns, source)
            yield from reader.chunks()


class _Reader:
    """Reads one table through one list of expressions."""

    def __init__(
        self,
        connection: pymysql.Connection[Any],
        table: Table,
        columns: Sequence[Column],
        source: SourceTable,
    ) -> None:
        self._connection = connection
        self._table = table
        self._columns = columns
        self._source = source
        self._expressions = [
            expression(column_of(source, table, column.source_name), column.type, column.mask)
            for column in columns
        ]
        self._key = [[column.name for column in columns].index(part) for part in table.key]
        self._oversize: list[bytes] = []

    def chunks(self) -> Iterator[Chunk]:
        pending: list[bytes] = []
        size = 0
        for rows in stream_column(self._connection, f"SELECT {self._line()} FROM {self._source.quoted}"):
            pending += rows
            size += sum(map(len, rows))
            if size >= CHUNK_BYTES:
                yield self._chunk(pending)
                pending, size = [], 0
        if pending:
            yield self._chunk(pending)
        for predicate in self._oversize:
            yield self._chunk([self._by_columns(predicate.decode())])

    def _line(self) -> str:
        """One row as a COPY line; where that exceeds max_allowed_packet (CONCAT is NULL then) the predicate
        that finds the row instead."""
        fields = r", '\t', ".join(each.field for each in self._expressions)
        return rf"COALESCE(CONCAT({fields}, '\n'), CONCAT({OVERFLOW_SQL}, {self._predicate()}))"

    def _predicate(self) -> str:
        parts = [
            f"{_string(f'{each.column} = ')}, {each.literal}"
            for each in (self._expressions[index] for index in self._key)
        ]
        return ", ' AND ', ".join(parts) or "''"

    def _chunk(self, rows: list[bytes]) -> Chunk:
        lines = b"".join(rows)
        if b"\0" not in lines:
            return Chunk(lines, len(rows))
        good, rejected = [], []
        for row in rows:
            if row.startswith(OVERFLOW_MARK):
                self._oversize.append(row.removeprefix(OVERFLOW_MARK))
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

    def _by_columns(self, predicate: str) -> bytes:
        """A row too large for one CONCAT on the server: fetched a column at a time, escaped here."""
        if not predicate:
            raise SyncError(
                f"{self._table.qualified}: a row exceeds the source's max_allowed_packet and the table has no"
                f" key to fetch it by; raise max_allowed_packet there or declare a key"
            )
        shown = ", ".join(
            f"{each.column if each.raw else f'CONCAT({each.text})'}, {each.fits or '1'}"
            for each in self._expressions
        )
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {shown} FROM {self._source.quoted} WHERE {predicate}")
            found = cursor.fetchall()
        if len(found) != 1:
            raise SyncError(
                f"{self._table.qualified}: {len(found)} rows have the key {predicate}; declare a unique key"
            )
        values = found[0]
        return line(
            NULL if value is None else (b"" if fits else MISFIT_MARK) + _field(value)
            for value, fits in zip(values[::2], values[1::2], strict=True)
        )


def _field(value: Any) -> bytes:
    if isinstance(value, bytes):
        return b"\\\\x" + value.hex().encode()
    return escape(str(value))


def _string(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
