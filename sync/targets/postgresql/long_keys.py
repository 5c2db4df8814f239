"""Staged rows whose keys an index does not take: a btree's entry has at most 2704 bytes
(https://www.postgresql.org/docs/current/btree.html), and one such row would fail the whole load."""

from __future__ import annotations

import io
from collections.abc import Sequence

from sync.connections.psycopg import Cursor, sql
from sync.copytext import Rejected, fields_of, reject
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.targets.postgresql.catalog import existing_key, is_table
from sync.targets.postgresql.names import CHANGED_AT, WorkTables, column_list, identifier
from sync.types import parse_type

REASON = "its key is too long for an index of PostgreSQL's, which takes about 2700 bytes"
SHORT_BYTES = 2000  # of variable length, beside which there is room for all the others that a key may have
FIXED = {
    "smallint", "integer", "bigint", "real", "double precision", "boolean", "uuid",
    "date", "time", "timetz", "timestamp", "timestamptz", "interval",
}  # fmt: skip


def take_long_keys(
    cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables, staged: sql.Identifier
) -> list[Rejected]:
    """Remove the rows from `staged` whose keys do not fit, inside a transaction of the caller."""
    variable = [column.name for column in columns if column.name in table.key and not _is_fixed(column)]
    if not variable or not _has_index(cursor, table):
        return []
    size = sql.SQL(" + ").join(sql.SQL("pg_column_size({})").format(identifier(name)) for name in variable)
    names = {
        "staged": staged,
        "indexed": work.indexed,
        "oversized": work.oversized,
        "key": column_list(table.key),
        "columns": column_list(column.name for column in columns),
        "long": sql.SQL("{} > {}").format(size, sql.Literal(SHORT_BYTES)),
        # A change log's key has the time of the change too.
        "entry": column_list((*table.key, *((CHANGED_AT,) if table.history else ()))),
        "time": sql.SQL(", now() AS {}").format(identifier(CHANGED_AT)) if table.history else sql.SQL(""),
    }
    cursor.execute(sql.SQL("SELECT FROM {staged} WHERE {long} LIMIT 1").format(**names))
    if not cursor.rowcount:
        return []
    # What is compressed may fit all the same: an index of the same kind tells.
    attempt = sql.SQL(
        "DECLARE place tid; BEGIN FOR place IN SELECT ctid FROM {staged} WHERE {long} LOOP"
        " BEGIN INSERT INTO {indexed} SELECT {key} {time} FROM {staged} WHERE ctid = place;"
        " EXCEPTION WHEN program_limit_exceeded THEN INSERT INTO {oversized} VALUES (place); END;"
        " END LOOP; END"
    ).format(**names)
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE {oversized} (place tid) ON COMMIT DROP;"
            " CREATE TEMP TABLE {indexed} ON COMMIT DROP AS SELECT {key} {time} FROM {staged} LIMIT 0;"
            " CREATE INDEX ON {indexed} ({entry}); DO {attempt}"
        ).format(attempt=sql.Literal(attempt.as_string(cursor)), **names)
    )
    return take_oversized(cursor, table, columns, work, staged, REASON)


def take_oversized(
    cursor: Cursor,
    table: Table,
    columns: Sequence[Column],
    work: WorkTables,
    staged: sql.Identifier,
    reason: str,
) -> list[Rejected]:
    """Remove the rows from `staged` whose places are in the table for oversized ones, which is dropped."""
    names = {
        "staged": staged,
        "oversized": work.oversized,
        "columns": column_list(column.name for column in columns),
    }
    found = io.BytesIO()
    cursor.copy_expert(
        sql.SQL(
            "COPY (SELECT {columns} FROM {staged} WHERE ctid IN (SELECT place FROM {oversized}))"
            " TO STDOUT WITH (ENCODING 'UTF8')"
        ).format(**names),
        found,
    )
    cursor.execute(
        sql.SQL(
            "DELETE FROM {staged} WHERE ctid IN (SELECT place FROM {oversized}); DROP TABLE {oversized}"
        ).format(**names)
    )
    found.seek(0)
    return [reject(table, columns, fields_of(row), reason, key_loadable=True) for row in found]


def _is_fixed(column: Column) -> bool:
    try:
        return parse_type(column.type).base in FIXED
    except SyncError:  # an adopted table's own
        return False


def _has_index(cursor: Cursor, table: Table) -> bool:
    """Whether the table has its key in an index, or will be made with it; an adopted one need not."""
    if not table.adopt or not is_table(cursor, table.schema, table.name):
        return True
    return bool(existing_key(cursor, table.schema, table.name))
