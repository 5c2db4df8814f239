"""Ranges of keys in PostgreSQL's SQL, which an index on the key finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.connections.psycopg import sql
from sync.warehouses.postgresql.catalog import column_list, identifier, texts
from sync.warehouses.schema import Row, TableSchema
from sync.warehouses.scope import KeyRange

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor


def in_range(schema: TableSchema, keys: KeyRange) -> sql.Composable:
    """Whether the row of alias `t` is in the range."""
    bounds = [
        sql.SQL("({}) {} ({})").format(column_list(schema.key, of="t"), operator, _values(schema, key))
        for operator, key in ((sql.SQL(">"), keys.after), (sql.SQL("<="), keys.upto))
        if key is not None
    ]
    return sql.SQL(" AND ").join(bounds) if bounds else sql.SQL("true")


def key_after(cursor: Cursor, schema: TableSchema, after: Row | None, rows: int) -> Row | None:
    """See `contract.Snapshot.key_after`; tombstones count as rows."""
    cursor.execute(
        sql.SQL("SELECT {} FROM {} AS t WHERE {} ORDER BY {} OFFSET {} LIMIT 1").format(
            texts(schema.key),
            identifier(schema.name),
            in_range(schema, KeyRange(after)),
            column_list(schema.key, of="t"),
            sql.Literal(rows - 1),
        )
    )
    found = cursor.fetchone()
    return tuple(found) if found else None


def _values(schema: TableSchema, key: Row) -> sql.Composable:
    types = {column.name: column.type for column in schema.columns}
    return sql.SQL(", ").join(
        sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(types[name]))
        for name, value in zip(schema.key, key, strict=True)
    )
