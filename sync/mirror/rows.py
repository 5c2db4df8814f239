"""Rows from staging into one production table: streamed in beside it, then merged by guarded statements.

Beside a table stand, in a temporary one, rows to write and, marked `_deleted`, rows to delete. Changed means
another binary image, not another value: `numeric` 1.0 and 1.00, 0.0 and -0.0 differ, as they do in the text
that the verification compares.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from psycopg2 import sql

from sync.connections import postgresql_errors
from sync.mirror.form import TableForm, column_list

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

BUFFER_BYTES = 1 << 18


def load(staging: Cursor, production: Cursor, form: TableForm) -> int:
    """Stream every live row into the table itself; returns how many."""
    table = form.name.identifier
    columns = column_list(form.column_names)
    rows = stream(staging, _live(form), production, sql.SQL("{} ({})").format(table, columns))
    production.execute(sql.SQL("ANALYZE {}").format(table))
    return rows


def receive_changes(
    staging: Cursor, production: Cursor, form: TableForm, above: int, beside: sql.Identifier
) -> int:
    """Stream the rows of batches greater than `above` beside the table; returns how many."""
    table, columns = form.name.identifier, column_list(form.column_names)
    _create_like(production, beside, sql.SQL("SELECT {}, true AS _deleted FROM {}").format(columns, table))
    changed = sql.SQL("SELECT {}, _deleted FROM {} WHERE _batch > {}").format(
        columns, table, sql.Literal(above)
    )
    rows = stream(staging, changed, production, beside)
    production.execute(sql.SQL("ANALYZE {}").format(beside))
    return rows


def receive_differences(staging: Cursor, production: Cursor, form: TableForm, beside: sql.Identifier) -> int:
    """Stream every live row and keep beside the table what differs from it; returns how many came."""
    table, columns = form.name.identifier, column_list(form.column_names)
    live = sql.Identifier("pg_temp", "live")
    _create_like(production, live, sql.SQL("SELECT {} FROM {}").format(columns, table))
    rows = stream(staging, _live(form), production, live)
    production.execute(sql.SQL("ANALYZE {}").format(live))
    wanted = sql.SQL(", ").join(
        sql.SQL("coalesce(i.{0}, t.{0}) AS {0}" if name in form.key else "i.{0}").format(sql.Identifier(name))
        for name in form.column_names
    )
    production.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {}, i.{} IS NULL AS _deleted"
            " FROM {} AS i FULL JOIN {} AS t ON {} WHERE {}"
        ).format(beside, wanted, sql.Identifier(form.key[0]), live, table, same_key(form.key), _differs(form))
    )
    production.execute(sql.SQL("DROP TABLE {}").format(live))
    production.execute(sql.SQL("ANALYZE {}").format(beside))
    return rows


def upsert(cursor: Cursor, form: TableForm, beside: sql.Identifier) -> tuple[int, int]:
    """Write the rows beside the table that are new or differ; returns how many were inserted and updated."""
    names, table = form.column_names, form.name.identifier
    cursor.execute(
        sql.SQL("UPDATE {} AS t SET {} FROM {} AS i WHERE {} AND NOT i._deleted AND {}").format(
            table,
            sql.SQL(", ").join(sql.SQL("{0} = i.{0}").format(sql.Identifier(name)) for name in names),
            beside,
            same_key(form.key),
            _differs(form),
        )
    )
    updated = cursor.rowcount
    cursor.execute(
        sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM {} AS i"
            " WHERE NOT i._deleted AND NOT EXISTS (SELECT FROM {} AS t WHERE {})"
        ).format(table, column_list(names), column_list(names, of="i"), beside, table, same_key(form.key))
    )
    return cursor.rowcount, updated


def delete(cursor: Cursor, form: TableForm, beside: sql.Identifier) -> int:
    """Delete the rows that are marked beside the table; returns how many."""
    cursor.execute(
        sql.SQL("DELETE FROM {} AS t USING {} AS i WHERE {} AND i._deleted").format(
            form.name.identifier, beside, same_key(form.key)
        )
    )
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

    with ThreadPoolExecutor(1) as thread, os.fdopen(read_end, "rb", BUFFER_BYTES) as rows:
        reading = thread.submit(copy_out)
        target.copy_expert(sql.SQL("COPY {} FROM STDIN").format(into), rows, BUFFER_BYTES)
        # A source that failed looks like an end of rows to the target, so ask before anything is committed.
        reading.result()
    return target.rowcount


def _live(form: TableForm) -> sql.Composed:
    return sql.SQL("SELECT {} FROM {} WHERE NOT _deleted").format(
        column_list(form.column_names), form.name.identifier
    )


def _differs(form: TableForm) -> sql.Composed:
    return sql.SQL("ROW({})::record *<> ROW({})::record").format(
        column_list(form.column_names, of="t"), column_list(form.column_names, of="i")
    )


def _create_like(cursor: Cursor, name: sql.Identifier, query: sql.Composed) -> None:
    """An empty temporary table with the columns of a query, for the rest of the transaction."""
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {} WITH NO DATA").format(name, query))
