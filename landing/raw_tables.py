"""The raw tables in staging that files are landed in."""

from __future__ import annotations

from landing.postgres import ensure_memory, forget, is_missing
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, sql
from sync.spec import Table
from sync.state import prepare
from sync.targets.postgresql.tables import plan_own

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('softcart landing', 0))"


def ensure_raw_table(table: Table, file: str, staging: Connection) -> None:
    """Create the table where it is missing, whether there is a file or not. One that was dropped is landed
    anew, so the memory of its `file` goes, too."""
    with postgresql_errors(table.qualified):
        prepare(staging)
        ensure_memory(staging)
        with staging, staging.cursor() as cursor:
            cursor.execute(LOCK)
            if is_missing(cursor, sql.Identifier(table.schema, table.name)):
                forget(cursor, file)
            plan_own(cursor, table, table.columns).run(cursor)
