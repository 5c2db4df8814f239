"""MySQL and MariaDB as a source. The server builds each row's COPY line; this side cuts and passes it on.

Needs SELECT on the tables; with REPLICATION CLIENT (MariaDB: BINLOG MONITOR) a pass also knows where the
binlog stood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import Any

import pymysql

from sync.ahead import ahead
from sync.connections.mysql import mysql_errors
from sync.connections.urls import DatabaseUrl, parse
from sync.copytext import Chunk
from sync.errors import SyncError, UnknownTableError
from sync.sources.base import Bound, Capabilities, Changes, Description, LogEnd, Mark, Touched
from sync.sources.mysql.binlog.position import BinlogPosition
from sync.sources.mysql.binlog.unlogged import refuse_unlogged
from sync.sources.mysql.binlog.witness import witnessed
from sync.sources.mysql.bound import OpenTransactions
from sync.sources.mysql.catalog import (
    SourceTable,
    column_of,
    excluded_columns,
    is_transactional,
    read_table,
    unique_keys,
)
from sync.sources.mysql.lines import Lines, lines_of
from sync.sources.mysql.log import touched_since
from sync.sources.mysql.log_position import binlog_position, log_retention, open_snapshot
from sync.sources.mysql.portions import INDEX, Order
from sync.sources.mysql.replication import refuse_unlogged_replica, replication, shown_at
from sync.sources.mysql.reread import Reread
from sync.sources.mysql.rows import RowReader, cursor_condition, render
from sync.sources.mysql.session import connect, session_values
from sync.sources.mysql.types import natural_type, zero_date
from sync.sources.mysql.virtual import refuse_session_values
from sync.spec import Column, Strategy, Table

LOG_NEEDS = (
    "its server writes no binlog, or does not tell this user where it ends: start it with log_bin and"
    " binlog_format=ROW, GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to the user"
)


class MySQLSource:
    """A MySQL or MariaDB server; opens its connections when they are needed."""

    system = "mysql"
    capabilities = Capabilities(frozenset({Strategy.FULL, Strategy.WATERMARK, Strategy.LOG}), LOG_NEEDS)

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._catalog: pymysql.Connection[Any] | None = None
        self._idle: list[pymysql.Connection[Any]] = []
        self._open_transactions = OpenTransactions(lambda: connect(self._url))

    def __repr__(self) -> str:
        return f"MySQLSource({self._url})"

    def place(self, database: str, table: str) -> str:
        return f"{self.system} {database}.{table}"

    def describe(self, table: Table) -> Description:
        try:
            with mysql_errors(f"{table.qualified} from {self._url}"):
                source = read_table(self._connection(), table)
                elsewhere = replication(self._connection())
                if table.strategy is Strategy.LOG:
                    refuse_unlogged(self._connection(), table, source)
                    refuse_unlogged_replica(elsewhere, table)
        except UnknownTableError:
            if not table.optional:
                raise
            return Description(table.columns, exists=False)
        excluded = excluded_columns(source, table)
        columns = table.columns or tuple(
            Column(column.name, natural_type(column), column.comment, zero_date=zero_date(table, column))
            for column in source.columns.values()
            if column.name not in excluded
        )
        with mysql_errors(f"{table.qualified} from {self._url}"):
            names = {column_of(source, table, column.source_name).name for column in columns}
            refuse_session_values(self._connection(), source, table, names)
        for column in columns:
            if table.adopt:  # the adopted table's types will count, not the declared ones
                column_of(source, table, column.source_name)
            else:
                render(source, table, column)
        return Description(columns, note=elsewhere.note if elsewhere else "")

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        with mysql_errors(f"{table.qualified} from {self._url}"):
            return unique_keys(self._connection(), table)

    def estimate(self, table: Table) -> int | None:
        with mysql_errors(str(self._url)), self._connection().cursor() as cursor:
            cursor.execute(
                "SELECT table_rows FROM information_schema.tables"
                " WHERE table_schema = %s AND table_name = %s",
                (table.database, table.source_name),
            )
            row = cursor.fetchone()
        return int(row[0]) if row and row[0] is not None else None

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[MySQLSnapshot]:
        connection = self._kept() or connect(self._url)
        try:
            with mysql_errors(str(self._url)):
                bound = None
                if bound_for:
                    source = read_table(self._connection(), bound_for)
                    bound = self._open_transactions.bound(source, bound_for)
                snapshot = MySQLSnapshot(self._url, connection, bound)
            yield snapshot
            if snapshot.read_out:
                self._keep(connection)
        finally:
            if connection not in self._idle:
                connection.close()

    def log_end(self) -> LogEnd | None:
        with mysql_errors(str(self._url)):
            connection = self._connection()
            at = shown_at(connection)
            position = binlog_position(connection)
        return LogEnd(position, at) if position else None

    def follows(self, position: str) -> bool:
        try:
            BinlogPosition.parse(position)
        except SyncError:
            return False
        return True

    def reached(self, position: str, end: LogEnd) -> bool:
        here, there = BinlogPosition.parse(position), BinlogPosition.parse(end.position)
        return (here.order, here.gtids) == (there.order, there.gtids)

    def touched(self, starts: Mapping[Table, str], end: LogEnd, limit: int, seconds: float) -> Changes:
        return touched_since(self._url, starts, end.position, limit, seconds)

    def keeps_log(self) -> timedelta | None:
        with mysql_errors(str(self._url)):
            return log_retention(self._connection())

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def _keep(self, connection: pymysql.Connection[Any]) -> None:
        try:
            connection.rollback()
        except (pymysql.err.MySQLError, OSError):  # its snapshot has served; the next one opens another
            return
        self._idle.append(connection)

    def _kept(self) -> pymysql.Connection[Any] | None:
        """The connection of an earlier snapshot, if the server has it still: opening one takes longer than
        many a pass."""
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.ping(reconnect=False)
            except (pymysql.err.MySQLError, OSError):
                connection.close()
            else:
                return connection
        return None

    def _connection(self) -> pymysql.Connection[Any]:
        if self._catalog is None or not self._catalog.open:
            self._catalog = connect(self._url, autocommit=True)
        return self._catalog


class MySQLSnapshot:
    """A repeatable read that began at one moment, on a connection of its own. `read_out` says that no reading
    was left before its end, which the connection would not survive."""

    def __init__(self, url: DatabaseUrl, connection: pymysql.Connection[Any], bound: Bound | None) -> None:
        self._url = url
        self._connection = connection
        self.bound = bound
        self.read_out = True
        self.taken_at = shown_at(connection)
        self.position: str | None = open_snapshot(connection)

    @cached_property
    def log_start(self) -> str | None:
        if self.position is None:
            return None
        return witnessed(self._connection, lambda: connect(self._url), self.position)

    def count(self, table: Table) -> int:
        with mysql_errors(table.qualified), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {read_table(self._connection, table).quoted}")
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def shows_one_moment(self, table: Table) -> bool:
        with mysql_errors(table.qualified):
            return is_transactional(self._connection, table)

    def changes(self, starts: Mapping[Table, str], limit: int) -> Changes:
        if self.position is None:
            names = ", ".join(table.qualified for table in starts)
            raise SyncError(f"{names}: {LOG_NEEDS}; what was written while it was off takes a reload")
        return touched_since(self._url, starts, self.position, limit)

    def reread(
        self, table: Table, columns: Sequence[Column], touched: Touched, up_to: str | None = None
    ) -> Iterator[tuple[bytes, Chunk]]:
        with mysql_errors(table.qualified):
            source = read_table(self._connection, table)
            order = Order.of(self._connection, source) if up_to else None
            condition = order.up_to(up_to) if order and up_to else ""
            self.read_out = False
            yield from Reread(self._connection, source, table, columns, condition).chunks(touched.keys)
            self.read_out = True

    def portions(
        self, table: Table, columns: Sequence[Column], after: str | None
    ) -> Iterator[Chunk | Mark] | None:
        with mysql_errors(table.qualified):
            try:
                order = Order.of(self._connection, read_table(self._connection, table))
            except UnknownTableError:  # `read` decides what that means
                return None
        return self._portions(order, table, columns, after) if order else None

    def _portions(
        self, order: Order, table: Table, columns: Sequence[Column], after: str | None
    ) -> Iterator[Chunk | Mark]:
        with closing(ahead(self._marks(order, table, after))) as marks:
            for place in chain(marks, [None]):
                yield from self._chunks(order.source, table, columns, order.between(after, place), INDEX)
                yield Mark(place)
                after = place

    def _marks(self, order: Order, table: Table, after: str | None) -> Iterator[str]:
        with mysql_errors(table.qualified), closing(connect(self._url, autocommit=True)) as connection:
            yield from order.marks(connection, after)

    def lines(self, table: Table, columns: Sequence[Column], part_rows: int) -> Lines:
        """How others read the table as the engine does, in parts of about `part_rows` rows."""
        with mysql_errors(table.qualified):
            source = read_table(self._connection, table)
            session = session_values(self._connection)
            return lines_of(self._connection, source, table, columns, session, part_rows)

    def chunks_of(
        self, table: Table, columns: Sequence[Column], lines: Iterator[list[bytes]]
    ) -> Iterator[Chunk]:
        """What they have read, as a reading of the engine's."""
        with mysql_errors(table.qualified):
            source = read_table(self._connection, table)
            self.read_out = False
            yield from RowReader(self._connection, source, table, columns).chunks_of(lines)
            self.read_out = True

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        with mysql_errors(table.qualified):
            try:
                source = read_table(self._connection, table)
            except UnknownTableError:
                if table.optional:
                    return
                raise
        where = cursor_condition(source, table, since) if since else ""
        yield from self._chunks(source, table, columns, where)

    def _chunks(
        self, source: SourceTable, table: Table, columns: Sequence[Column], where: str, index: str = ""
    ) -> Iterator[Chunk]:
        with mysql_errors(table.qualified):
            self.read_out = False
            yield from RowReader(self._connection, source, table, columns, where, index).chunks()
            self.read_out = True
