"""What the target's catalog says about a table."""

from __future__ import annotations

from dataclasses import dataclass

from sync.connections.psycopg import Cursor, sql
from sync.targets.postgresql.names import identifier, stored_name


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


def is_table(cursor: Cursor, schema: str, name: str) -> bool:
    """Whether there is a table of this name, and no view or other relation."""
    cursor.execute(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')",
        (stored_name(schema), stored_name(name)),
    )
    return cursor.rowcount > 0


def existing_columns(cursor: Cursor, schema: str, name: str) -> dict[str, ExistingColumn]:
    """The columns of a table by their stored names, empty where there is no such table."""
    cursor.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '' OR a.attgenerated <> '',"
        " coalesce(t.description, '')"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " LEFT JOIN pg_description t ON (t.classoid, t.objoid, t.objsubid)"
        " = ('pg_class'::regclass, a.attrelid, a.attnum)"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (stored_name(schema), stored_name(name)),
    )
    return {row[0]: ExistingColumn(*row) for row in cursor}


def existing_key(cursor: Cursor, schema: str, name: str) -> list[str]:
    """The stored names of the columns of a table's primary key in their order, none without one."""
    cursor.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a"
        " ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indisprimary AND i.indrelid = %s::regclass"
        " ORDER BY array_position(i.indkey::int[], a.attnum::int)",
        (identifier(schema, name).as_string(cursor),),
    )
    return [name for (name,) in cursor]


def table_description(cursor: Cursor, schema: str, name: str) -> str:
    """The comment on a table that exists."""
    relation = identifier(schema, name).as_string(cursor)
    cursor.execute("SELECT coalesce(obj_description(%s::regclass), '')", (relation,))
    row = cursor.fetchone()
    return str(row[0]) if row else ""


def is_empty(cursor: Cursor, schema: str, name: str) -> bool:
    """Whether a table has no row at all, not even a tombstone."""
    cursor.execute(sql.SQL("SELECT NOT EXISTS (SELECT FROM {})").format(identifier(schema, name)))
    return cursor.fetchone() == (True,)
