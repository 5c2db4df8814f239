"""The schema of a table in no system's words: columns, keys, indexes and comments.

Production's tables are derived by it from staging's, so nothing about a table is declared twice. A column's
logical type is PostgreSQL's, spelled as staging's `format_type()` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sync.errors import SyncError

# A value is PostgreSQL's text form of it (`true`, `\x00ff`, `2024-01-31 12:00:00+00`), None for NULL.
Row = tuple[str | None, ...]
# Staging's own columns, such as `_batch`, begin with this; production has the others.
BOOKKEEPING = "_"


class TableName(NamedTuple):
    """A table's schema and name. As text it is for messages; SQL gets them quoted by its system."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


class ColumnSchema(NamedTuple):
    """One column; `type` is its logical type, such as `numeric(14,2)`."""

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


class Index(NamedTuple):
    """An index that is no key. `definition` is staging's, from the access method on, such as `btree
    (country)`; `columns` are None where it has expressions or a condition, which other systems leave out."""

    definition: str
    columns: tuple[str, ...] | None


@dataclass(frozen=True)
class TableSchema:
    """A table without its bookkeeping columns; `key` are the primary key's columns in its order."""

    name: TableName
    columns: tuple[ColumnSchema, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str | None = None

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(name for name in self.column_names if name not in self.key)

    @property
    def indexed(self) -> list[tuple[str, ...]]:
        """The column lists that an index begins with, the primary key's among them."""
        plain = [index.columns for index in self.indexes if index.columns]
        return [self.key, *plain] if self.key else plain

    @property
    def parents(self) -> set[TableName]:
        """The other tables that it refers to."""
        return {key.parent for key in self.foreign_keys} - {self.name}


Schemas = Mapping[TableName, TableSchema]


def parents_first(schemas: Schemas) -> dict[TableName, TableSchema]:
    """The tables in an order in which none refers to a later one. Raises `SyncError` where there is none."""
    waiting = dict(schemas)
    ordered: dict[TableName, TableSchema] = {}
    while waiting:
        ready = {name: schema for name, schema in waiting.items() if not schema.parents & waiting.keys()}
        if not ready:
            raise SyncError(f"foreign keys form a circle among {', '.join(map(str, sorted(waiting)))}")
        ordered |= ready
        for name in ready:
            del waiting[name]
    return ordered
