"""The files and objects that were read, kept beside the table in one transaction with its rows."""

from __future__ import annotations

from collections.abc import Iterable

from sync.connections.psycopg import Cursor, execute_values
from sync.objects import ObjectsRead, SourceObject


def read_objects(cursor: Cursor, schema: str, table: str) -> dict[str, SourceObject]:
    """The known objects of a table by their names."""
    cursor.execute(
        "SELECT name, etag, size, modified_at, lines, rejected FROM sync.objects"
        " WHERE (table_schema, table_name) = (%s, %s)",
        (schema, table),
    )
    return {row[0]: SourceObject(*row) for row in cursor}


def write_objects(cursor: Cursor, schema: str, table: str, objects: ObjectsRead, run_id: str) -> None:
    """Remember what was read; call it in the transaction that writes the rows."""
    if objects.gone:
        cursor.execute(
            "DELETE FROM sync.objects WHERE (table_schema, table_name) = (%s, %s) AND name = ANY (%s)",
            (schema, table, list(objects.gone)),
        )
    execute_values(
        cursor,
        "INSERT INTO sync.objects (table_schema, table_name, name, etag, size, modified_at, lines, rejected,"
        " run_id) VALUES %s ON CONFLICT (table_schema, table_name, name) DO UPDATE SET etag = excluded.etag,"
        " size = excluded.size, modified_at = excluded.modified_at, lines = excluded.lines,"
        " rejected = excluded.rejected, run_id = excluded.run_id, read_at = excluded.read_at",
        list(_rows(schema, table, objects.read, run_id)),
    )


def _rows(
    schema: str, table: str, objects: Iterable[SourceObject], run_id: str
) -> Iterable[tuple[object, ...]]:
    for each in objects:
        yield (
            *(schema, table, each.name, each.etag, each.size, each.modified_at),
            *(each.lines, each.rejected, run_id),
        )
