"""What a dry run has to make in a PostgreSQL target, to do there what a pass does, and takes back then."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sync.connections import psycopg
from sync.connections.psycopg import Connection, sql
from sync.newest_batches import FUNCTIONS
from sync.state import is_prepared, missing_schemas

OWN_SCHEMAS = ("sync", "quarantine")
UNUSED = """
    SELECT NOT EXISTS (TABLE sync.tables) AND NOT EXISTS (TABLE sync.leases)
        AND NOT EXISTS (TABLE quarantine.rejected_rows) AND (SELECT last FROM sync.batch) = 0
"""
OWN_TABLES = sql.SQL(
    "sync.version, sync.identity, sync.batch, sync.leases, sync.tables, sync.checkpoints,"
    " sync.objects, sync.newest_batches, sync.comparisons, quarantine.rejected_rows"
)


@dataclass(frozen=True)
class Before:
    """What was not there before a dry run: these schemas, and the engine's own tables or not."""

    lacking_schemas: tuple[str, ...]
    lacking_state: bool


def look(connection: Connection, schemas: Iterable[str]) -> Before:
    """What there is of the engine's own tables and of the schemas of the tables that are to be tried."""
    with connection.cursor() as cursor:
        lacking = missing_schemas(cursor, [*schemas, *OWN_SCHEMAS])
        return Before(tuple(lacking), not is_prepared(cursor))


def forget_leases(connection: Connection, names: Iterable[str]) -> None:
    """Leave no trace of leases that nobody had taken before; call it while they are held."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sync.leases WHERE name = ANY (%s) AND token = 1", (list(names),))


def withdraw(connection: Connection, before: Before) -> None:
    """Take back what is there since then, unless somebody has used it meanwhile.

    The connection is in autocommit mode. A first pass of somebody else that begins at this very moment may
    find its tables gone: it fails by name, and nothing is lost.
    """
    with connection.cursor() as cursor:
        if before.lacking_state:
            with connection:
                cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(OWN_TABLES))
                cursor.execute(UNUSED)
                if cursor.fetchone() == (True,):
                    cursor.execute(sql.SQL("DROP TABLE {}").format(OWN_TABLES))
                    cursor.execute(f"DROP FUNCTION {', '.join(FUNCTIONS)}, sync.next_batch()")
        for schema in before.lacking_schemas:
            with suppress(psycopg.errors.DependentObjectsStillExist):
                cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(schema)))
