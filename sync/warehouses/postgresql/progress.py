"""How far the comparison of each table with production came, in staging's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sync.state import prepare
from sync.warehouses.rolling import Progress
from sync.warehouses.schema import TableName

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection

IS_THERE = "SELECT to_regclass('sync.comparisons') IS NOT NULL"
READ = """
SELECT table_schema, table_name, cursor, began_at, before_at, differs FROM sync.comparisons ORDER BY 1, 2
"""
STORE = """
INSERT INTO sync.comparisons (table_schema, table_name, cursor, began_at, before_at, differs)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (table_schema, table_name) DO UPDATE
SET cursor = excluded.cursor, began_at = excluded.began_at, before_at = excluded.before_at,
    differs = excluded.differs
"""


def read_progress(connection: Connection) -> dict[TableName, Progress]:
    """Of all that were ever compared."""
    with connection, connection.cursor() as cursor:
        cursor.execute(IS_THERE)
        if cursor.fetchone() != (True,):
            return {}
        cursor.execute(READ)
        return {
            TableName(schema, name): Progress(tuple(key) if key else None, *rest)
            for schema, name, key, *rest in cursor.fetchall()
        }


def store_progress(connection: Connection, progress: Mapping[TableName, Progress]) -> None:
    """Store them in place of what was known of these tables."""
    prepare(connection, ())
    with connection, connection.cursor() as cursor:
        for name, known in progress.items():
            key = list(known.cursor) if known.cursor else None
            cursor.execute(STORE, (*name, key, known.began_at, known.before_at, known.differs))
