"""Bring a table on PostgreSQL to its schema, before the rows and after them."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from sync.connections import psycopg
from sync.connections.psycopg import sql
from sync.warehouses.changes import Comment, Completion, NotNull, PrimaryKey, TableChange
from sync.warehouses.postgresql.catalog import column_list, identifier
from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, TableName, TableSchema

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor


def drop_obsolete_references(cursor: Cursor, change: TableChange) -> None:
    """Drop the foreign keys that are wrong or in the way; do so for all tables before the first `prepare`."""
    for constraint in change.obsolete:
        _alter(cursor, change.schema, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(constraint)))


def prepare(cursor: Cursor, change: TableChange) -> None:
    """Make a table able to receive staging's rows.

    A table whose key changed gives up its rows; they are loaded again by the new key, within the same
    transaction. Raises `psycopg2.Error` where something that is not ours depends on what must change.
    """
    if not change.exists:
        _create(cursor, change.schema)
        return
    if change.rebuilt:
        _give_up_rows(cursor, change.schema)
    for relaxed in change.relaxed:
        _alter(
            cursor, change.schema, sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(sql.Identifier(relaxed))
        )
    for column in change.added:
        # NOT NULL is one of the completions, when the column has its values.
        name, type_ = sql.Identifier(column.name), sql.SQL(column.type)
        _alter(cursor, change.schema, sql.SQL("ADD COLUMN {} {}").format(name, type_))
    for column in change.retyped:
        _retype(cursor, change.schema, column)


@singledispatch
def completion(step: Completion, table: TableName) -> sql.Composable:
    """The statement that adds a key, NOT NULL, an index or a comment."""
    raise NotImplementedError(step)


@completion.register
def _(step: PrimaryKey, table: TableName) -> sql.Composable:
    return sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})").format(identifier(table), column_list(step.columns))


@completion.register
def _(step: NotNull, table: TableName) -> sql.Composable:
    column = sql.Identifier(step.column)
    return sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL").format(identifier(table), column)


@completion.register
def _(step: Index, table: TableName) -> sql.Composable:
    return sql.SQL("CREATE INDEX ON {} USING {}").format(identifier(table), sql.SQL(step.definition))


@completion.register
def _(step: ForeignKey, table: TableName) -> sql.Composable:
    return sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})").format(
        identifier(table),
        sql.Identifier(step.name),
        column_list(step.columns),
        identifier(step.parent),
        column_list(step.parent_columns),
    )


@completion.register
def _(step: Comment, table: TableName) -> sql.Composable:
    text = sql.Literal(step.text)
    if step.column is None:
        return sql.SQL("COMMENT ON TABLE {} IS {}").format(identifier(table), text)
    return sql.SQL("COMMENT ON COLUMN {} IS {}").format(sql.Identifier(*table, step.column), text)


def _alter(cursor: Cursor, schema: TableSchema, action: sql.Composable) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} {}").format(identifier(schema.name), action))


def _create(cursor: Cursor, schema: TableSchema) -> None:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type),
            sql.SQL("" if column.nullable else " NOT NULL"),
        )
        for column in schema.columns
    ]
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema.name.schema)))
    cursor.execute(
        sql.SQL("CREATE TABLE {} ({})").format(identifier(schema.name), sql.SQL(", ").join(columns))
    )


def _give_up_rows(cursor: Cursor, schema: TableSchema) -> None:
    cursor.execute(sql.SQL("DELETE FROM {}").format(identifier(schema.name)))
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
        [identifier(schema.name).as_string(cursor)],
    )
    for (constraint,) in cursor.fetchall():
        _alter(cursor, schema, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(constraint)))


def _retype(cursor: Cursor, schema: TableSchema, column: ColumnSchema) -> None:
    """Change a column's type and keep its values where they can be cast; the comparison corrects them.

    Values that cannot be cast become NULL until then, which no reader sees: it is one transaction.
    """
    name, type_ = sql.Identifier(column.name), sql.SQL(column.type)
    retype = sql.SQL("ALTER COLUMN {} TYPE {} USING ").format(name, type_)
    cursor.execute("SAVEPOINT retype")
    try:
        _alter(cursor, schema, retype + sql.SQL("{}::{}").format(name, type_))
    except (psycopg.DataError, psycopg.errors.CannotCoerce):
        cursor.execute("ROLLBACK TO SAVEPOINT retype")
        _alter(cursor, schema, sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(name))
        _alter(cursor, schema, retype + sql.SQL("NULL"))
    cursor.execute("RELEASE SAVEPOINT retype")
