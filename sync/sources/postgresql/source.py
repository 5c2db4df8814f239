"""PostgreSQL as a source: COPY out of one server as it goes into the other.

Needs USAGE on the schemas and SELECT on the tables; a watermark pass with the role pg_read_all_stats also
knows which transactions are open. Rows that a row-level security policy hides are refused, not left out:
such a user needs BYPASSRLS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sync.connections import postgresql_settings
from sync.connections.postgresql import connect_postgresql, postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.connections.urls import parse
from sync.copytext import Chunk
from sync.errors import UnknownTableError
from sync.sources.base import Bound, Capabilities, Description
from sync.sources.postgresql.bound import find_bound
from sync.sources.postgresql.catalog import (
    column_of,
    estimated_rows,
    read_table,
    refuse_unknown_exclusions,
    unique_keys_of,
)
from sync.sources.postgresql.copy import CopyOut
from sync.sources.postgresql.encoding import Encoding, read_encoding
from sync.sources.postgresql.replication import replication, shown_at
from sync.sources.postgresql.rows import RowReader, render
from sync.sources.postgresql.types import natural_type
from sync.spec import Column, Strategy, Table

# Beside what holds for all sessions: a source is only read, and its lock_timeout stays as its owner wants it.
SETTINGS = {
    **postgresql_settings.SETTINGS,
    "extra_float_digits": "3",
    "default_transaction_read_only": "on",
}


class PostgreSQLSource:
    """One database of a PostgreSQL server (11 or newer); opens its connections when they are needed."""

    system = "postgresql"
    capabilities = Capabilities(frozenset({Strategy.FULL, Strategy.WATERMARK}))

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._opened: Connection | None = None
        self._found_encoding: Encoding | None = None

    def __repr__(self) -> str:
        return f"PostgreSQLSource({self._url})"

    def place(self, database: str, table: str) -> str:
        with postgresql_errors(str(self._url)):
            return f"{self.system} {self._connection().info.dbname}.{database}.{table}"

    def describe(self, table: Table) -> Description:
        try:
            with (
                postgresql_errors(f"{table.qualified} from {self._url}"),
                self._connection().cursor() as cursor,
            ):
                source = read_table(self._connection(), table)
                refuse_unknown_exclusions(cursor, source, table)
                elsewhere = replication(cursor, source)
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
            if table.adopt:  # the adopted table's types will count, not the declared ones
                column_of(source, table, column.source_name)
            else:
                render(source, table, column, self._encoding())
        return Description(columns, note=elsewhere.note if elsewhere else "")

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        with postgresql_errors(f"{table.qualified} from {self._url}"), self._connection().cursor() as cursor:
            return unique_keys_of(cursor, read_table(self._connection(), table))

    def estimate(self, table: Table) -> int | None:
        with postgresql_errors(f"{table.qualified} from {self._url}"), self._connection().cursor() as cursor:
            return estimated_rows(cursor, read_table(self._connection(), table))

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[PostgreSQLSnapshot]:
        bound = self._bound(bound_for) if bound_for else None
        connection = self._connect()
        try:
            with postgresql_errors(str(self._url)):
                snapshot = PostgreSQLSnapshot(connection, bound, self._encoding())
            try:
                yield snapshot
            finally:
                snapshot.stop()
        finally:
            connection.close()

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _bound(self, table: Table) -> Bound:
        with postgresql_errors(f"{table.qualified} from {self._url}"), self._connection().cursor() as cursor:
            return find_bound(cursor, read_table(self._connection(), table), table)

    def _encoding(self) -> Encoding:
        if self._found_encoding is None:
            with postgresql_errors(str(self._url)):
                self._found_encoding = read_encoding(self._connection())
        return self._found_encoding

    def _connection(self) -> Connection:
        if self._opened is None or self._opened.closed:
            self._opened = self._connect()
        return self._opened

    def _connect(self) -> Connection:
        connection = connect_postgresql(self._url, client_encoding="UTF8")
        settings = dict(SETTINGS)
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # It would refuse bytes that are no UTF-8 all together; this way they spoil just their own rows.
            settings["client_encoding"] = "SQL_ASCII"
        with postgresql_errors(str(self._url)):
            postgresql_settings.apply(connection, settings)
        return connection


class PostgreSQLSnapshot:
    """A repeatable read that began at one moment, on a connection of its own."""

    position: str | None = None  # its log is not followed
    log_start: str | None = None

    def __init__(self, connection: Connection, bound: Bound | None, encoding: Encoding) -> None:
        self._connection = connection
        self._encoding = encoding
        self._copy: CopyOut | None = None
        self.bound = bound
        with connection.cursor() as cursor:
            self.taken_at: datetime = shown_at(cursor)  # before: a standby may show newer rows in a moment
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT now()")  # the first statement takes the snapshot

    def count(self, table: Table) -> int:
        with postgresql_errors(table.qualified), self._connection.cursor() as cursor:
            source = read_table(self._connection, table)
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(source.quoted))
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def shows_one_moment(self, table: Table) -> bool:
        return True

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        with postgresql_errors(table.qualified):
            try:
                source = read_table(self._connection, table)
            except UnknownTableError:
                if table.optional:
                    return
                raise
            yield from RowReader(source, table, columns, since, self._encoding, self._run).chunks()

    def _run(self, query: sql.Composed) -> Iterator[Chunk]:
        self._copy = CopyOut(self._connection, query)
        return self._copy.chunks()

    def stop(self) -> None:
        """End a reading that was left early; the connection can only be closed then."""
        if self._copy is not None:
            self._copy.stop()
