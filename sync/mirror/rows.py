"""Rows from staging into one production table: streamed in beside it, then merged by guarded statements.

Changed means another binary image, not another value: `numeric` 1.0 and 1.00, 0.0 and -0.0 differ, as they
do in the text that the verification compares.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from psycopg2 import sql

from sync.connections import postgresql_errors
from sync.mirror.evolve import Reception
from sync.mirror.form import TableForm, column_list

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

BUFFER_BYTES = 1 << 18
DELETED = sql.Identifier("_deleted")


def incoming(number: int) -> sql.Identifier:
    """The temporary table beside the table of that number; it ends with the transaction."""
    return sql.Identifier("pg_temp", f"incoming_{number}")


def receive(
    staging: Cursor,
    production: Cursor,
    form: TableForm,
    reception: Reception,
    above: int,
    beside: sql.Identifier,
) -> int:
    """Stream rows from staging: into the table itself for a load, else into the temporary table `beside`.

    For changes these are the rows, deleted ones too, whose `_batch` is greater than `above`, else all that
    live. Returns how many came.
    """
    columns = column_list(form.column_names)
    changes = reception is Reception.CHANGES
    select = sql.SQL("SELECT {}{} FROM {} WHERE {}").format(
        columns,
        sql.SQL(", {}").format(DELETED) if changes else sql.SQL(""),
        form.name.identifier,
        sql.SQL("_batch > {}").format(sql.Literal(above)) if changes else sql.SQL("NOT {}").format(DELETED),
    )
    if reception is Reception.LOAD:
        into = sql.SQL("{} ({})").format(form.name.identifier, columns)
        rows = stream(staging, select, production, into)
        production.execute(sql.SQL("ANALYZE {}").format(form.name.identifier))
        return rows
    production.execute(
        sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}{} FROM {} WITH NO DATA").format(
            beside,
            columns,
            sql.SQL(", true AS {}").format(DELETED) if changes else sql.SQL(""),
            form.name.identifier,
        )
    )
    rows = stream(staging, select, production, beside)
    production.execute(sql.SQL("ANALYZE {}").format(beside))
    return rows


def upsert(cursor: Cursor, form: TableForm, reception: Reception, beside: sql.Identifier) -> tuple[int, int]:
    """Write the rows that are new or differ. Returns how many were inserted and updated."""
    live = sql.SQL("NOT i.{}").format(DELETED) if reception is Reception.CHANGES else sql.SQL("true")
    names = form.column_names
    cursor.execute(
        sql.SQL(
            "UPDATE {} AS t SET {} FROM {} AS i WHERE {} AND {} AND ROW({})::record *<> ROW({})::record"
        ).format(
            form.name.identifier,
            sql.SQL(", ").join(sql.SQL("{0} = i.{0}").format(sql.Identifier(name)) for name in names),
            beside,
            same_key(form.key),
            live,
            column_list(names, of="t"),
            column_list(names, of="i"),
        )
    )
    updated = cursor.rowcount
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS i"
            " WHERE {} AND NOT EXISTS (SELECT FROM {} AS t WHERE {})"
        ).format(
            form.name.identifier,
            column_list(names),
            column_list(names, of="i"),
            beside,
            live,
            form.name.identifier,
            same_key(form.key),
        )
    )
    return cursor.rowcount, updated


def delete(cursor: Cursor, form: TableForm, reception: Reception, beside: sql.Identifier) -> int:
    """Delete the rows that staging does not have (any more). Returns how many."""
    if reception is Reception.CHANGES:
        statement = sql.SQL("DELETE FROM {} AS t USING {} AS i WHERE {} AND i.{}").format(
            form.name.identifier, beside, same_key(form.key), DELETED
        )
    else:
        statement = sql.SQL("DELETE FROM {} AS t WHERE NOT EXISTS (SELECT FROM {} AS i WHERE {})").format(
            form.name.identifier, beside, same_key(form.key)
        )
    cursor.execute(statement)
    return cursor.rowcount


def same_key(key: Sequence[str]) -> sql.Composed:
    """The condition that rows of the aliases `t` and `i` have the same key."""
    return sql.SQL(" AND ").join(sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in key)


def stream(source: Cursor, select: sql.Composed, target: Cursor, into: sql.Composable) -> int:
    """Copy what `select` yields on one server into a table of the other, through a pipe.

    Memory stays flat: a writer that is ahead waits for the reader. Returns the number of rows.
    """
    read_end, write_end = os.pipe()

    def copy_out() -> None:
        with postgresql_errors("staging"), os.fdopen(write_end, "wb", BUFFER_BYTES) as sink:
            source.copy_expert(sql.SQL("COPY ({}) TO STDOUT").format(select), sink)

    with ThreadPoolExecutor(1) as thread, os.fdopen(read_end, "rb", BUFFER_BYTES) as stream:
        reading = thread.submit(copy_out)
        target.copy_expert(sql.SQL("COPY {} FROM STDIN").format(into), stream, BUFFER_BYTES)
        # A source that failed looks like an end of rows to the target, so ask before anything is committed.
        reading.result()
    return target.rowcount
