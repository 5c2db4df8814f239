"""The engine's own tables in the target: identity, batch numbers, leases, one row of state per table, and the
quarantine. They live in schemas `sync` and `quarantine` of the database whose tables they speak of, so that
rows, position and rejects commit together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from uuid import UUID

from sync.connections import psycopg
from sync.connections.postgresql_pool import SHARED
from sync.connections.psycopg import Connection, Cursor, sql
from sync.errors import LeaseLost, LeaseTaken, SyncError
from sync.table_state import LEASE_WAIT_SECONDS, TableState
from sync.upgrades import UPGRADES

STATE_COLUMNS = tuple(field.name for field in fields(TableState))
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('softcart state', 0))"


@dataclass(frozen=True)
class Lease:
    """The right to write one thing, until the connection ends or the lease is left. `token` fences it, and
    `pid` is the server's process that holds it."""

    name: str
    token: int
    pid: int

    def check(self, cursor: Cursor) -> None:
        """Make sure, inside the transaction that is about to write, that nobody took the lease since.

        Holds the lease's row to the commit. Raises `LeaseLost`, and `SyncError` where another process of the
        server answers than the one that holds the lease: what is staged is not to be found there either.
        """
        held = "SELECT token, pg_backend_pid() FROM sync.leases WHERE name = %s FOR UPDATE"
        cursor.execute(held, (self.name,))
        row = cursor.fetchone()
        if row is not None and row[1] != self.pid:
            raise SyncError(f"{self.name}: {SHARED}")
        if row is None or row[0] != self.token:
            raise LeaseLost(f"{self.name}: a newer pass has taken over; this one wrote nothing")


def prepare(connection: Connection, schemas: Sequence[str] = ("raw", "history")) -> None:
    """Create what is missing of `sync`, `quarantine` and `schemas`, and upgrade the state tables in place.

    Idempotent and safe when several callers run it at once. Raises `SyncError` when a newer release has
    upgraded the state already.
    """
    wanted = ("sync", "quarantine", *schemas)
    with connection, connection.cursor() as cursor:
        if _version(cursor) == len(UPGRADES) and not missing_schemas(cursor, wanted):
            return
    with connection, connection.cursor() as cursor:
        cursor.execute(LOCK)
        create_schemas(cursor, wanted)
        cursor.execute("CREATE TABLE IF NOT EXISTS sync.version (version integer NOT NULL)")
        version = _version(cursor)
        for upgrade in UPGRADES[version:]:
            cursor.execute(upgrade)
        cursor.execute("DELETE FROM sync.version")
        cursor.execute("INSERT INTO sync.version VALUES (%s)", (len(UPGRADES),))


def is_prepared(cursor: Cursor) -> bool:
    """Whether the database has state tables, of whichever version."""
    cursor.execute("SELECT to_regclass('sync.version') IS NOT NULL")
    return _value(cursor) is True


def _version(cursor: Cursor) -> int:
    cursor.execute("SELECT to_regclass('sync.version')")
    if _value(cursor) is None:
        return 0
    cursor.execute("SELECT coalesce(max(version), 0) FROM sync.version")
    version = int(str(_value(cursor)))
    if version > len(UPGRADES):
        raise SyncError(
            f"the state in schema sync has version {version}, this release knows {len(UPGRADES)}: update it"
        )
    return version


def create_schemas(cursor: Cursor, wanted: Sequence[str]) -> None:
    """Create the schemas that are not there; a user who may not create any can still use those that are."""
    if missing_schemas(cursor, wanted):  # two that make one at once would fail
        cursor.execute(LOCK)
    for schema in missing_schemas(cursor, wanted):
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))


def missing_schemas(cursor: Cursor, wanted: Sequence[str]) -> list[str]:
    """Those of the wanted schemas that the database does not have."""
    cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", (list(wanted),))
    present = {name for (name,) in cursor}
    return [schema for schema in wanted if schema not in present]


def identity(connection: Connection) -> UUID:
    """The database's own identity, another one after it was rebuilt."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM sync.identity")
        return UUID(str(_value(cursor)))


def next_batch(cursor: Cursor) -> int:
    """Draw a batch number; every other writer waits from here to this transaction's end, so draw it late."""
    cursor.execute("SELECT sync.next_batch()")
    return int(str(_value(cursor)))


def read_state(cursor: Cursor, schema: str, name: str) -> TableState | None:
    """The state of a table, or None if no pass over it ever committed."""
    cursor.execute(
        f"SELECT {', '.join(STATE_COLUMNS)} FROM sync.tables WHERE (table_schema, table_name) = (%s, %s)",
        (schema, name),
    )
    row = cursor.fetchone()
    return TableState(*row) if row else None


def read_states(cursor: Cursor) -> dict[tuple[str, str], TableState]:
    """The states of all tables by schema and name."""
    columns = f"table_schema, table_name, {', '.join(STATE_COLUMNS)}"
    cursor.execute(f"SELECT {columns} FROM sync.tables ORDER BY table_schema, table_name")
    return {(schema, name): TableState(*state) for schema, name, *state in cursor}


def write_state(cursor: Cursor, schema: str, name: str, state: TableState) -> None:
    """Store a table's state; call it in the transaction that writes the table's rows."""
    cursor.execute(
        f"INSERT INTO sync.tables (table_schema, table_name, {', '.join(STATE_COLUMNS)})"
        f" VALUES (%s, %s{', %s' * len(STATE_COLUMNS)}) ON CONFLICT (table_schema, table_name) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in STATE_COLUMNS),
        (schema, name, *astuple(state)),
    )


def retry_rejected(cursor: Cursor) -> list[tuple[str, str]]:
    """Ask the next pass over each table that has rows in quarantine to read these again; returns the tables
    by schema and name."""
    cursor.execute(
        "UPDATE sync.tables SET retry = true WHERE quarantined > 0 RETURNING table_schema, table_name"
    )
    return sorted(cursor.fetchall())


@contextmanager
def lease(connection: Connection, name: str, wait_seconds: float = LEASE_WAIT_SECONDS) -> Iterator[Lease]:
    """Hold the lease on `name` (a table's qualified name, or another agreed one) while the block runs.

    It belongs to the connection's session, so the server frees it when the client dies. Raises `LeaseTaken`
    after `wait_seconds`, naming the session that holds it.
    """
    with connection.cursor() as cursor:
        try:
            with connection:
                milliseconds = max(1, math.ceil(wait_seconds * 1000))
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", (f"{milliseconds}ms",))
                cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0)), pg_backend_pid()", (name,))
                ((_, holder),) = cursor.fetchall()
        except psycopg.errors.LockNotAvailable:
            raise LeaseTaken(
                f"{name}: another pass holds it ({_holder(cursor, name)}) and was not done after"
                f" {wait_seconds:g} s; wait for it or end it"
            ) from None
        try:
            with connection:
                cursor.execute(
                    "INSERT INTO sync.leases VALUES (%s, 1, clock_timestamp()) ON CONFLICT (name)"
                    " DO UPDATE SET token = leases.token + 1, taken_at = excluded.taken_at"
                    " RETURNING token, pg_backend_pid()",
                    (name,),
                )
                ((token, pid),) = cursor.fetchall()
            if pid != holder:
                raise SyncError(f"{name}: {SHARED}")
            yield Lease(name, token, pid)
        finally:
            if not connection.closed:
                connection.rollback()
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))


def _holder(cursor: Cursor, name: str) -> str:
    cursor.execute(
        "SELECT format('process %%s, %%s, connected %%s', a.pid, nullif(a.application_name, ''),"
        " to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'))"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%s, 0)",
        (name,),
    )
    return str(_value(cursor) or "it has just ended")


def _value(cursor: Cursor) -> object:
    row = cursor.fetchone()
    return row[0] if row else None
