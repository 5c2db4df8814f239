"""What the schema of a table is, step by step, as a pass makes and completes it, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sync.warehouses.changes import Comment, Completion, NotNull, PrimaryKey
from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, TableName, TableSchema


def bare(schema: TableSchema, has_not_null: bool) -> TableSchema:
    """A table that has its columns, perhaps with NOT NULL, and nothing around them yet."""
    columns = tuple(
        column._replace(nullable=column.nullable if has_not_null else True, comment=None)
        for column in schema.columns
    )
    return TableSchema(schema.name, columns, key=())


def with_nullable(schema: TableSchema, name: str, nullable: bool) -> TableSchema:
    columns = (
        column._replace(nullable=nullable) if column.name == name else column for column in schema.columns
    )
    return replace(schema, columns=tuple(columns))


def completed(schema: TableSchema, step: Completion) -> TableSchema:
    if isinstance(step, PrimaryKey):
        return replace(schema, key=step.columns)
    if isinstance(step, NotNull):
        return with_nullable(schema, step.column, nullable=False)
    if isinstance(step, Index):
        return replace(schema, indexes=(*schema.indexes, step))
    if isinstance(step, ForeignKey):
        return replace(schema, foreign_keys=(*schema.foreign_keys, step))
    return _commented(schema, step)


def _commented(schema: TableSchema, step: Comment) -> TableSchema:
    if step.column is None:
        return replace(schema, comment=step.text)
    columns = (
        column._replace(comment=step.text) if column.name == step.column else column
        for column in schema.columns
    )
    return replace(schema, columns=tuple(columns))


def as_definition(schema: TableSchema) -> dict[str, Any]:
    """A schema as JSON."""
    definition = asdict(schema)
    del definition["name"]
    return {**definition, "columns": [tuple(column) for column in schema.columns]}


def schema_of(name: TableName, definition: dict[str, Any]) -> TableSchema:
    """What `as_definition` made."""
    return TableSchema(
        name=name,
        columns=tuple(ColumnSchema(*column) for column in definition["columns"]),
        key=tuple(definition["key"]),
        foreign_keys=tuple(
            ForeignKey(constraint, tuple(columns), TableName(*parent), tuple(parent_columns))
            for constraint, columns, parent, parent_columns in definition["foreign_keys"]
        ),
        indexes=tuple(
            Index(text, tuple(columns) if columns else None) for text, columns in definition["indexes"]
        ),
        comment=definition["comment"],
    )
