"""PostgreSQL as a target: the staging database's raw tables, and tables in the warehouse that are adopted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection

from sync.connections import connect_postgresql, postgresql_errors
from sync.copytext import Chunk
from sync.sources.base import Description
from sync.spec import Column, Table
from sync.state import (
    LEASE_WAIT_SECONDS,
    Lease,
    TableState,
    lease,
    next_batch,
    prepare,
    read_state,
    write_state,
)
from sync.targets import postgresql_quarantine as quarantine
from sync.targets.base import Applied, Moment
from sync.targets.postgresql_adopt import AdoptingMerge, shape_adopted
from sync.targets.postgresql_first import FirstLoad
from sync.targets.postgresql_merge import Merge
from sync.targets.postgresql_staging import Staging
from sync.targets.postgresql_tables import existing_columns, shape_own
from sync.urls import parse

# Text forms in which values are compared and hashed must not depend on a server's or user's defaults. A merge
# compares whole tables by a hash join, which the default memory would send to disk. What is staged need not
# survive a crash; the applying transaction sets its own durability back. The last setting, new in PostgreSQL
# 14, makes the server notice within a second that a killed pass is gone.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "work_mem": "64MB",
    "jit": "off",
    "synchronous_commit": "off",
    "client_connection_check_interval": "1s",
}


class PostgreSQLTarget:
    """A PostgreSQL database (14 or newer is recommended). Every load has a connection of its own, which holds
    its lease and its temporary tables."""

    system = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._prepared = False

    def __repr__(self) -> str:
        return f"PostgreSQLTarget({self._url})"

    @contextmanager
    def load(self, table: Table, wait_seconds: float = LEASE_WAIT_SECONDS) -> Iterator[PostgreSQLLoad]:
        connection = connect_postgresql(self._url, client_encoding="UTF8")
        try:
            with postgresql_errors(f"{table.qualified} in {self._url}"):
                self._open(connection)
                with lease(connection, table.qualified, wait_seconds) as held:
                    yield PostgreSQLLoad(connection, table, held)
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is left open between loads."""

    def _open(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config(name, wanted.value, false) FROM pg_settings"
                " JOIN unnest(%s, %s) AS wanted(name, value) USING (name)",
                (list(SETTINGS), list(SETTINGS.values())),
            )
        if not self._prepared:
            prepare(connection, schemas=())
            self._prepared = True


class PostgreSQLLoad:
    """One pass into one table; see `targets.base.Load`."""

    def __init__(self, connection: Connection, table: Table, held: Lease) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._table = table
        self._lease = held
        self._staging: Staging
        self._merge: Merge | FirstLoad | AdoptingMerge
        self.state: TableState | None = read_state(self._cursor, table.schema, table.name)

    def shape(self, description: Description) -> tuple[Column, ...]:
        with self._connection:
            return self._shape(description.columns)

    def _shape(self, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        cursor, table = self._cursor, self._table
        if table.adopt:
            columns = shape_adopted(cursor, table, columns)
        elif existing_columns(cursor, table.schema, table.name) or not table.key:
            shape_own(cursor, table, columns)
        else:
            first = FirstLoad(cursor, table, columns)
            first.prepare()
            self._staging = Staging(cursor, table, columns, into=first.loading)
            self._merge = first
            return columns
        self._staging = Staging(cursor, table, columns)
        self._merge = (AdoptingMerge if table.adopt else Merge)(cursor, table, columns)
        return columns

    def stage(self, chunk: Chunk) -> int:
        refused = self._staging.add(chunk.lines)
        self._staging.add_rejected([*chunk.rejected, *refused])
        return len(chunk.rejected) + len(refused)

    def apply(self, moment: Moment) -> Applied:
        self._staging.analyze()
        with self._connection:
            self._cursor.execute("SET LOCAL synchronous_commit TO DEFAULT")
            self._lease.check(self._cursor)
            counts = self._merge.find()
            batch = None
            if counts.changed or quarantine.differs(self._cursor, self._table):
                batch = next_batch(self._cursor)
                quarantine.replace(self._cursor, self._table, batch)
            self._merge.apply(batch, moment.taken_at)
            rows = self._merge.live_rows()
            covered = self._merge.covered(rows)
            quarantined = quarantine.count(self._cursor, self._table)
            self._write_state(moment, batch, rows, quarantined)
        return Applied(
            inserted=counts.inserted,
            updated=counts.updated,
            deleted=counts.deleted,
            quarantined=quarantined,
            rows=rows,
            covered=covered,
            batch=batch,
        )

    def _write_state(self, moment: Moment, batch: int | None, rows: int, quarantined: int) -> None:
        before = self.state.batch if self.state else None
        state = TableState(
            source=moment.source,
            strategy=self._table.strategy.value,
            position=moment.position,
            batch=before if batch is None else batch,
            run_id=moment.run_id,
            rows=rows,
            quarantined=quarantined,
            synced_at=moment.taken_at,
        )
        write_state(self._cursor, self._table.schema, self._table.name, state)
