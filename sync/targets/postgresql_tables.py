"""The target's tables: made from the declaration, followed when it gains columns, refused when it changes
otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from sync.errors import SyncError
from sync.spec import Column, Table
from sync.state import create_schemas
from sync.targets.postgresql_names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    RESERVED,
    ROW_KEY,
    column_list,
    identifier,
    stored_name,
)
from sync.types import parse_type

HISTORY_SCHEMA = "history"
BOOKKEEPING = (
    Column(CHANGED_AT, "timestamptz NOT NULL", "When it changed in the source; later with every version"),
    Column(BATCH, "bigint NOT NULL", "The batch that last changed the row"),
    Column(DELETED, "boolean NOT NULL DEFAULT false", "Gone from the source; the row stays as a tombstone"),
)


@dataclass(frozen=True)
class ExistingColumn:
    """A column as the target's catalog has it. `default` is its expression, "" for none; `computed` marks
    identity and generated columns."""

    name: str
    type: str
    not_null: bool
    default: str
    computed: bool
    description: str


def existing_columns(cursor: Cursor, schema: str, name: str) -> dict[str, ExistingColumn]:
    """The columns of a table by their stored names, empty where there is no such table."""
    cursor.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '' OR a.attgenerated <> '',"
        " coalesce(col_description(a.attrelid, a.attnum), '')"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (stored_name(schema), stored_name(name)),
    )
    return {row[0]: ExistingColumn(*row) for row in cursor}


def shape_own(cursor: Cursor, table: Table, columns: Sequence[Column]) -> None:
    """Create the raw table and its change log, or let them follow new columns.

    Raises `SyncError` for a reserved name, another key or another type.
    """
    refuse_reserved(table, columns)
    key = table.key or (ROW_KEY,)
    keyed = [*columns, *([] if table.key else [Column(ROW_KEY, "text", "Hash of the row and its number")])]
    _shape(cursor, table, table.schema, (*keyed, *BOOKKEEPING), key)
    if table.history:
        created = _shape(cursor, table, HISTORY_SCHEMA, (*keyed, *BOOKKEEPING), (*key, CHANGED_AT))
        if created:
            names = column_list(column.name for column in (*keyed, *BOOKKEEPING))
            cursor.execute(
                sql.SQL("INSERT INTO {log} ({names}) SELECT {names} FROM {table}").format(
                    log=identifier(HISTORY_SCHEMA, table.name),
                    table=identifier(table.schema, table.name),
                    names=names,
                )
            )


def refuse_reserved(table: Table, columns: Sequence[Column]) -> None:
    """Raises `SyncError` for a column with a name that the engine uses itself."""
    if reserved := sorted({column.name for column in columns} & RESERVED):
        raise SyncError(
            f"{table.qualified}: column {reserved[0]!r} has a name that the engine uses itself; exclude it or"
            f" declare it under another name with source={reserved[0]!r}"
        )


def _shape(cursor: Cursor, table: Table, schema: str, columns: Sequence[Column], key: Sequence[str]) -> bool:
    """Returns whether the table had to be created."""
    existing = existing_columns(cursor, schema, table.name)
    if not existing:
        create_table(cursor, table, schema, columns, key)
        return True
    _follow_description(cursor, table, schema)
    for column in columns:
        there = existing.get(stored_name(column.name))
        if there is None:
            _add(cursor, table, schema, column, key)
        elif there.description != column.description:
            _comment(cursor, table, schema, column)
        if there is not None:
            _refuse_other_type(table, schema, column, there)
    _refuse_other_key(cursor, table, schema, key)
    return False


def create_table(
    cursor: Cursor, table: Table, schema: str, columns: Sequence[Column], key: Sequence[str]
) -> None:
    """Create a table with its primary key, an index on the batch where it has one, and comments."""
    create_schemas(cursor, [stored_name(schema)])
    definitions = [
        sql.SQL("{} {}").format(identifier(column.name), sql.SQL(column.type)) for column in columns
    ]
    cursor.execute(
        sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
            identifier(schema, table.name), sql.SQL(", ").join(definitions), column_list(key)
        )
    )
    if any(column.name == BATCH for column in columns):
        cursor.execute(
            sql.SQL("CREATE INDEX ON {} ({})").format(identifier(schema, table.name), identifier(BATCH))
        )
    _follow_description(cursor, table, schema)
    for column in columns:
        if column.description:
            _comment(cursor, table, schema, column)


def _follow_description(cursor: Cursor, table: Table, schema: str) -> None:
    name = identifier(schema, table.name)
    cursor.execute(
        sql.SQL("SELECT coalesce(obj_description({}::regclass), '')").format(
            sql.Literal(name.as_string(cursor))
        )
    )
    if cursor.fetchone() != (table.description,):
        cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(table.description)))


def _add(cursor: Cursor, table: Table, schema: str, column: Column, key: Sequence[str]) -> None:
    if column in BOOKKEEPING:
        raise SyncError(
            f"{schema}.{table.name}: a table of this name exists that this engine did not make (it has no"
            f" {column.name}); declare another name or schema, or adopt it"
        )
    if column.name in key:
        raise SyncError(
            f"{schema}.{table.name}: the key column {column.name} is not in the table that exists; drop that"
            f" table to load it anew, or declare the key that it has"
        )
    cursor.execute(
        sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
            identifier(schema, table.name), identifier(column.name), sql.SQL(column.type)
        )
    )
    if column.description:
        _comment(cursor, table, schema, column)


def _comment(cursor: Cursor, table: Table, schema: str, column: Column) -> None:
    cursor.execute(
        sql.SQL("COMMENT ON COLUMN {} IS {}").format(
            identifier(schema, table.name, column.name), sql.Literal(column.description)
        )
    )


def _refuse_other_type(table: Table, schema: str, column: Column, there: ExistingColumn) -> None:
    if column not in BOOKKEEPING and parse_type(column.type) != parse_type(there.type):
        raise SyncError(
            f"{schema}.{table.name}: column {column.name} is {there.type} there and {column.type} by its"
            f" declaration; ALTER TABLE it to {column.type}, or declare {there.type}"
        )


def _refuse_other_key(cursor: Cursor, table: Table, schema: str, key: Sequence[str]) -> None:
    cursor.execute(
        sql.SQL(
            "SELECT array_agg(a.attname ORDER BY array_position(i.indkey::int[], a.attnum::int))"
            " FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisprimary AND i.indrelid = {}::regclass"
        ).format(sql.Literal(identifier(schema, table.name).as_string(cursor)))
    )
    row = cursor.fetchone()
    there = row[0] if row else None
    if there != [stored_name(part) for part in key]:
        raise SyncError(
            f"{schema}.{table.name}: its primary key is {there}, the declaration says {list(key)}; drop the"
            f" table to load it anew, or declare the key that it has"
        )
