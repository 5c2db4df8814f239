"""Rows from staging into one production table: streamed in beside it, then merged by guarded statements.

Beside a table stand, in a temporary one, rows to write and, marked `_deleted`, rows to delete. Changed means
another binary image, not another value: `numeric` 1.0 and 1.00, 0.0 and -0.0 differ, as they do in the text
that the verification compares.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from sync.connections.psycopg import sql
from sync.warehouses.contract import Audit, Selection, Snapshot
from sync.warehouses.postgresql.catalog import column_list, identifier, same_key
from sync.warehouses.schema import TableSchema

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

BUFFER_BYTES = 1 << 18


def load(snapshot: Snapshot, production: Cursor, rows: Selection) -> int:
    """Stream every live row into the table itself; returns how many."""
    table = identifier(rows.schema.name)
    columns = column_list(rows.schema.column_names)
    received = copy_from(snapshot, rows, production, sql.SQL("{} ({})").format(table, columns))
    production.execute(sql.SQL("ANALYZE {}").format(table))
    return received


def receive_changes(snapshot: Snapshot, production: Cursor, rows: Selection, beside: sql.Identifier) -> int:
    """Stream rows that may have changed beside the table; returns how many."""
    table, columns = identifier(rows.schema.name), column_list(rows.schema.column_names)
    _create_like(production, beside, sql.SQL("SELECT {}, true AS _deleted FROM {}").format(columns, table))
    into: sql.Composable = beside
    if not rows.has_deleted:
        production.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN _deleted SET DEFAULT false").format(beside))
        into = sql.SQL("{} ({})").format(beside, columns)
    received = copy_from(snapshot, rows, production, into)
    production.execute(sql.SQL("ANALYZE {}").format(beside))
    return received


def receive_differences(
    snapshot: Snapshot, production: Cursor, rows: Selection, beside: sql.Identifier
) -> int:
    """Stream every live row and keep beside the table what differs from it; returns how many came."""
    schema = rows.schema
    table, columns = identifier(schema.name), column_list(schema.column_names)
    live = sql.Identifier("pg_temp", "live")
    _create_like(production, live, sql.SQL("SELECT {} FROM {}").format(columns, table))
    received = copy_from(snapshot, rows, production, live)
    production.execute(sql.SQL("ANALYZE {}").format(live))
    wanted = sql.SQL(", ").join(
        sql.SQL("coalesce(i.{0}, t.{0}) AS {0}" if name in schema.key else "i.{0}").format(
            sql.Identifier(name)
        )
        for name in schema.column_names
    )
    production.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}, i.{} IS NULL AS _deleted"
            " FROM {} AS i FULL JOIN {} AS t ON {} WHERE {}"
        ).format(
            beside,
            wanted,
            sql.Identifier(schema.key[0]),
            live,
            table,
            same_key(schema.key),
            _differs(schema),
        )
    )
    production.execute(sql.SQL("DROP TABLE {}").format(live))
    production.execute(sql.SQL("ANALYZE {}").format(beside))
    return received


def upsert(cursor: Cursor, schema: TableSchema, beside: sql.Identifier) -> tuple[int, int]:
    """Write the rows beside the table that are new or differ; returns how many were inserted and updated."""
    names, table = schema.column_names, identifier(schema.name)
    cursor.execute(
        sql.SQL("UPDATE {} AS t SET {} FROM {} AS i WHERE {} AND NOT i._deleted AND {}").format(
            table,
            sql.SQL(", ").join(sql.SQL("{0} = i.{0}").format(sql.Identifier(name)) for name in names),
            beside,
            same_key(schema.key),
            _differs(schema),
        )
    )
    updated = cursor.rowcount
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS i"
            " WHERE NOT i._deleted AND NOT EXISTS (SELECT FROM {} AS t WHERE {})"
        ).format(table, column_list(names), column_list(names, of="i"), beside, table, same_key(schema.key))
    )
    return cursor.rowcount, updated


def delete(cursor: Cursor, schema: TableSchema, beside: sql.Identifier) -> int:
    """Delete the rows that are marked beside the table; returns how many."""
    cursor.execute(
        sql.SQL("DELETE FROM {} AS t USING {} AS i WHERE {} AND i._deleted").format(
            identifier(schema.name), beside, same_key(schema.key)
        )
    )
    return cursor.rowcount


def audit(cursor: Cursor, schema: TableSchema, beside: sql.Identifier | None, count: bool) -> Audit:
    """Hold the table against the rows beside it, None where it was loaded as it is; count it on request."""
    table, wrong, rows = identifier(schema.name), 0, None
    if beside is not None:
        cursor.execute(
            sql.SQL(
                "SELECT count(*) FROM {} AS i LEFT JOIN {} AS t ON {}"
                " WHERE i._deleted <> (t.{} IS NULL) OR (NOT i._deleted AND {})"
            ).format(beside, table, same_key(schema.key), sql.Identifier(schema.key[0]), _differs(schema))
        )
        ((wrong,),) = cursor.fetchall()
    if count:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
        ((rows,),) = cursor.fetchall()
    return Audit(wrong, rows)


def copy_from(snapshot: Snapshot, rows: Selection, target: Cursor, into: sql.Composable) -> int:
    """Copy rows of staging into a table; returns their number."""
    return stream(lambda sink: snapshot.copy(rows, sink), target, into)


def stream(copy: Callable[[BinaryIO], int], target: Cursor, into: sql.Composable) -> int:
    """Copy what `copy` writes, lines of COPY text, into a table through a pipe.

    Memory stays flat: a writer that is ahead waits for the reader. Returns what `copy` does, the number of
    rows that were sent: a trigger may keep some from the table.
    """
    read_end, write_end = os.pipe()

    def copy_out() -> int:
        with os.fdopen(write_end, "wb", BUFFER_BYTES) as sink:
            return copy(sink)

    with ThreadPoolExecutor(1) as thread, os.fdopen(read_end, "rb", BUFFER_BYTES) as lines:
        reading = thread.submit(copy_out)
        target.copy_expert(sql.SQL("COPY {} FROM STDIN").format(into), lines, BUFFER_BYTES)
        # A source that failed looks like an end of rows to the target, so ask before anything is committed.
        return reading.result()


def _differs(schema: TableSchema) -> sql.Composed:
    return sql.SQL("ROW({})::record *<> ROW({})::record").format(
        column_list(schema.column_names, of="t"), column_list(schema.column_names, of="i")
    )


def _create_like(cursor: Cursor, name: sql.Identifier, query: sql.Composed) -> None:
    """An empty temporary table with the columns of a query, for the rest of the transaction."""
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {} WITH NO DATA").format(name, query))
