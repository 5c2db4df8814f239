"""The schemas of tables, read from PostgreSQL's catalogs, and how they are named in its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING

from sync.connections.psycopg import sql
from sync.warehouses.schema import BOOKKEEPING, ColumnSchema, ForeignKey, Index, Row, TableName, TableSchema

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

CHUNK_ROWS = 5000
_CURSORS = count()

# One statement for all tables and everything about them: the pass with nothing new consists of little else.
# A unique index counts as a plain one. Its uniqueness is staging's to guard; here a version that ends and
# its successor that begins may arrive in either order within the transaction.
SCHEMAS = """
WITH wanted AS (
    SELECT c.oid, n.nspname, c.relname
    FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS w (schema_name, table_name)
    JOIN pg_namespace n ON n.nspname = w.schema_name
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.table_name AND c.relkind = 'r'
), table_indexes AS (
    SELECT i.indrelid, i.indisprimary,
        right(
            pg_get_indexdef(i.indexrelid),
            -length(format(
                'CREATE %%sINDEX %%I ON %%I.%%I USING ',
                CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, w.nspname, w.relname
            ))
        ) AS definition,
        CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL THEN (
            SELECT json_agg(a.attname ORDER BY k.position)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        ) END AS columns,
        EXISTS (
            SELECT FROM pg_depend d
            JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid
                AND starts_with(a.attname, %(bookkeeping)s)
        ) AS on_bookkeeping
    FROM wanted w
    JOIN pg_index i ON i.indrelid = w.oid
    JOIN pg_class c ON c.oid = i.indexrelid
)
SELECT w.nspname, w.relname, obj_description(w.oid, 'pg_class'),
    (
        SELECT json_agg(json_build_array(
            a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef,
            col_description(a.attrelid, a.attnum)
        ) ORDER BY a.attnum)
        FROM pg_attribute a
        WHERE a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
            AND NOT starts_with(a.attname, %(bookkeeping)s)
    ),
    (SELECT i.columns FROM table_indexes i WHERE i.indrelid = w.oid AND i.indisprimary),
    (
        SELECT json_agg(json_build_array(
            f.conname,
            (
                SELECT json_agg(a.attname ORDER BY k.position)
                FROM unnest(f.conkey) WITH ORDINALITY AS k (attnum, position)
                JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum
            ),
            pn.nspname, p.relname,
            (
                SELECT json_agg(a.attname ORDER BY k.position)
                FROM unnest(f.confkey) WITH ORDINALITY AS k (attnum, position)
                JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum
            )
        ) ORDER BY f.conname)
        FROM pg_constraint f
        JOIN pg_class p ON p.oid = f.confrelid
        JOIN pg_namespace pn ON pn.oid = p.relnamespace
        WHERE f.conrelid = w.oid AND f.contype = 'f'
    ),
    (
        SELECT json_agg(json_build_array(i.definition, i.columns) ORDER BY i.definition)
        FROM (
            SELECT DISTINCT ON (definition) definition, columns FROM table_indexes
            WHERE indrelid = w.oid AND NOT indisprimary AND NOT on_bookkeeping
        ) i
    )
FROM wanted w
"""


def read_schemas(cursor: Cursor, tables: Iterable[TableName]) -> dict[TableName, TableSchema]:
    """The schemas of those of `tables` that exist, in one round trip.

    Definitions come qualified because the session's `search_path` is expected to be empty.
    """
    names = list(tables)
    cursor.execute(
        SCHEMAS,
        {
            "schemas": [name.schema for name in names],
            "tables": [name.table for name in names],
            "bookkeeping": BOOKKEEPING,
        },
    )
    schemas = {}
    for schema, table, comment, columns, key, foreign_keys, indexes in cursor.fetchall():
        name = TableName(schema, table)
        schemas[name] = TableSchema(
            name=name,
            columns=tuple(ColumnSchema(*column) for column in columns or ()),
            key=tuple(key or ()),
            foreign_keys=tuple(
                ForeignKey(constraint, tuple(own), TableName(parent_schema, parent), tuple(referenced))
                for constraint, own, parent_schema, parent, referenced in foreign_keys or ()
                if not any(column.startswith(BOOKKEEPING) for column in own)
            ),
            indexes=tuple(
                Index(definition, tuple(columns) if columns else None)
                for definition, columns in indexes or ()
            ),
            comment=comment,
        )
    return schemas


def identifier(name: TableName) -> sql.Identifier:
    """A table's qualified name in SQL."""
    return sql.Identifier(*name)


def column_list(names: Sequence[str], of: str | None = None) -> sql.Composed:
    """`"a", "b"`, or `of."a", of."b"` when an alias is given."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)


def same_key(key: Sequence[str]) -> sql.Composed:
    """The condition that rows of the aliases `t` and `i` have the same key."""
    return sql.SQL(" AND ").join(sql.SQL("t.{0} = i.{0}").format(sql.Identifier(name)) for name in key)


def texts(names: Sequence[str]) -> sql.Composed:
    """The text forms of columns of the alias `t`, as a SELECT list."""
    return sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in names)


def fetch(cursor: Cursor, query: sql.Composable) -> Iterator[Sequence[Row]]:
    """The rows of a query through a cursor of the server's, so that memory stays flat."""
    name = sql.Identifier(f"rows_{next(_CURSORS)}")
    cursor.execute(sql.SQL("DECLARE {} NO SCROLL CURSOR FOR {}").format(name, query))
    while True:
        cursor.execute(sql.SQL("FETCH {} FROM {}").format(sql.Literal(CHUNK_ROWS), name))
        if not (rows := cursor.fetchall()):
            break
        yield rows
    cursor.execute(sql.SQL("CLOSE {}").format(name))
