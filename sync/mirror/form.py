"""The form of a table: columns, keys, indexes and comments, read from PostgreSQL's catalogs.

The mirror derives production's tables from staging's by it, so nothing about a table is declared twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from psycopg2 import sql

from sync.errors import SyncError

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

# Staging's own columns, such as `_batch`, begin with this; production has the others.
BOOKKEEPING = "_"


class TableName(NamedTuple):
    """A table's schema and name. As text it is for messages; SQL gets `identifier`."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)


class ColumnForm(NamedTuple):
    """One column; `type` as `format_type()` spells it, such as `numeric(14,2)`."""

    name: str
    type: str
    nullable: bool
    has_default: bool
    comment: str | None


class ForeignKey(NamedTuple):
    """A reference to the key of another table; `name` is the constraint's."""

    name: str
    columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]

    @property
    def target(self) -> tuple[tuple[str, ...], TableName, tuple[str, ...]]:
        """What the constraint says, whatever its name is."""
        return self.columns, self.parent, self.parent_columns


@dataclass(frozen=True)
class TableForm:
    """A table without its bookkeeping columns.

    `key` are the primary key's columns in its order. `indexes` are definitions from the access method on,
    such as `btree (country_key)`, without the primary key's and without those on bookkeeping columns.
    `indexed` are the column lists of these indexes as far as they are plain, the primary key's among them.
    """

    name: TableName
    columns: tuple[ColumnForm, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    indexes: tuple[str, ...]
    indexed: tuple[tuple[str, ...], ...]
    comment: str | None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(name for name in self.column_names if name not in self.key)


# One statement for all tables and everything about them: the pass with nothing new consists of little else.
# A unique index counts as a plain one. Its uniqueness is staging's to guard; here a version that ends and
# its successor that begins may arrive in either order within the transaction.
FORMS = """
WITH wanted AS (
    SELECT c.oid, n.nspname, c.relname
    FROM unnest(%(schemas)s::text[], %(tables)s::text[]) AS w (schema_name, table_name)
    JOIN pg_namespace n ON n.nspname = w.schema_name
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.table_name AND c.relkind = 'r'
), index_forms AS (
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
    (SELECT i.columns FROM index_forms i WHERE i.indrelid = w.oid AND i.indisprimary),
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
        SELECT json_agg(DISTINCT i.definition) FROM index_forms i
        WHERE i.indrelid = w.oid AND NOT i.indisprimary AND NOT i.on_bookkeeping
    ),
    (
        SELECT json_agg(i.columns) FROM index_forms i
        WHERE i.indrelid = w.oid AND i.columns IS NOT NULL AND NOT i.on_bookkeeping
    )
FROM wanted w
"""


def read_forms(cursor: Cursor, tables: Iterable[TableName]) -> dict[TableName, TableForm]:
    """The forms of those of `tables` that exist, in one round trip.

    Definitions come qualified because the session's `search_path` is expected to be empty.
    """
    names = list(tables)
    cursor.execute(
        FORMS,
        {
            "schemas": [name.schema for name in names],
            "tables": [name.table for name in names],
            "bookkeeping": BOOKKEEPING,
        },
    )
    forms = {}
    for schema, table, comment, columns, key, foreign_keys, indexes, indexed in cursor.fetchall():
        name = TableName(schema, table)
        forms[name] = TableForm(
            name=name,
            columns=tuple(ColumnForm(*column) for column in columns or ()),
            key=tuple(key or ()),
            foreign_keys=tuple(
                ForeignKey(constraint, tuple(own), TableName(parent_schema, parent), tuple(referenced))
                for constraint, own, parent_schema, parent, referenced in foreign_keys or ()
                if not any(column.startswith(BOOKKEEPING) for column in own)
            ),
            indexes=tuple(indexes or ()),
            indexed=tuple(tuple(columns) for columns in indexed or ()),
            comment=comment,
        )
    return forms


def staging_forms(cursor: Cursor, tables: Sequence[TableName]) -> dict[TableName, TableForm]:
    """The forms of staging's `tables`, parents before children.

    Raises `SyncError` for a table that is not there, has no primary key, or whose foreign keys form a circle.
    """
    forms = read_forms(cursor, tables)
    for name in tables:
        if name not in forms:
            raise SyncError(f"{name} is not in staging: build it before it is mirrored")
        if not forms[name].key:
            raise SyncError(f"{name} has no primary key in staging: production's rows are matched by it")
    return _parents_first(forms)


def _parents_first(forms: Mapping[TableName, TableForm]) -> dict[TableName, TableForm]:
    waiting = dict(forms)
    ordered: dict[TableName, TableForm] = {}
    while waiting:
        ready = {name: form for name, form in waiting.items() if not _parents(form) & waiting.keys()}
        if not ready:
            raise SyncError(f"foreign keys form a circle among {', '.join(map(str, sorted(waiting)))}")
        ordered |= ready
        for name in ready:
            del waiting[name]
    return ordered


def _parents(form: TableForm) -> set[TableName]:
    return {key.parent for key in form.foreign_keys} - {form.name}


def column_list(names: Sequence[str], of: str | None = None) -> sql.Composed:
    """`"a", "b"`, or `of."a", of."b"` when an alias is given."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
