"""What has to change in production's tables before they can take in staging's rows, and after they have.

What production has beyond staging's schema (a column that staging dropped, an index of its administrator)
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from sync.warehouses.schema import ColumnSchema, ForeignKey, Index, Schemas, TableName, TableSchema


class LoadMode(IntEnum):
    """How a table's rows have to be taken in, the lightest way first."""

    NOTHING = 0  # no row is new
    CHANGES = 1  # rows above the position
    COMPARISON = 2  # every live row, compared with what is there
    LOAD = 3  # every live row, into a table that is made or emptied for it


@dataclass(frozen=True)
class TableChange:
    """What has to change in one table before it can receive staging's rows.

    `rebuilt` says that its rows are loaded anew: its key is another one, or a type that the system cannot
    change in place. `obsolete` are names of foreign keys that contradict staging's or stand in the way of the
    other changes.
    """

    schema: TableSchema
    exists: bool
    rebuilt: bool = False
    added: tuple[ColumnSchema, ...] = ()
    retyped: tuple[ColumnSchema, ...] = ()
    relaxed: tuple[str, ...] = ()
    obsolete: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.exists or bool(
            self.rebuilt or self.added or self.retyped or self.relaxed or self.obsolete
        )

    @property
    def disrupts_views(self) -> bool:
        """Whether a view that stands on the table is in the way."""
        return self.rebuilt or bool(self.retyped)

    @property
    def mode(self) -> LoadMode:
        """The lightest way to take in the rows that this change allows.

        `_batch` does not tell which rows a new or retyped column touches, so the table is compared whole.
        """
        if self.rebuilt or not self.exists:
            return LoadMode.LOAD
        return LoadMode.COMPARISON if self.added or self.retyped else LoadMode.NOTHING


def table_changes(wanted: Schemas, actual: Schemas, retypes_in_place: bool) -> list[TableChange]:
    """What has to be done before the rows, one entry a wanted table; a false one where nothing has to."""
    changes = [_change(schema, actual.get(name), retypes_in_place) for name, schema in wanted.items()]
    rebuilt = {change.schema.name for change in changes if change.rebuilt}
    return [
        replace(change, obsolete=_obsolete(change, actual[change.schema.name], wanted, rebuilt))
        if change.exists
        else change
        for change in changes
    ]


def _change(schema: TableSchema, actual: TableSchema | None, retypes_in_place: bool) -> TableChange:
    if actual is None:
        return TableChange(schema, exists=False)
    had = {column.name: column for column in actual.columns}
    has = {column.name: column for column in schema.columns}
    retyped = tuple(column for name, column in has.items() if name in had and column.type != had[name].type)
    return TableChange(
        schema,
        exists=True,
        rebuilt=schema.key != actual.key
        or any(column.name in schema.key or not retypes_in_place for column in retyped),
        added=tuple(column for name, column in has.items() if name not in had),
        retyped=retyped,
        relaxed=tuple(
            name
            for name, column in had.items()
            if not column.nullable
            and (has[name].nullable if name in has else not column.has_default)
            and name not in actual.key
        ),
    )


def _obsolete(
    change: TableChange, actual: TableSchema, wanted: Schemas, rebuilt: set[TableName]
) -> tuple[str, ...]:
    targets = {key.target for key in change.schema.foreign_keys}
    retyped = {column.name for column in change.retyped}
    return tuple(
        key.name
        for key in actual.foreign_keys
        if key.parent in wanted
        and (
            key.target not in targets
            or retyped & {*key.columns}
            or rebuilt & {change.schema.name, key.parent}
        )
    )


@dataclass(frozen=True)
class PrimaryKey:
    columns: tuple[str, ...]


@dataclass(frozen=True)
class NotNull:
    column: str


@dataclass(frozen=True)
class Comment:
    """`column` is None for the table's own."""

    column: str | None
    text: str | None


Completion = PrimaryKey | NotNull | Index | ForeignKey | Comment


def completions(wanted: Schemas, actual: Schemas) -> list[tuple[TableName, Completion]]:
    """What production lacks of keys, NOT NULL, indexes and comments, in the order in which to add it."""
    pairs = [(schema, actual[name]) for name, schema in wanted.items() if name in actual]
    return [
        *((schema.name, step) for schema, had in pairs for step in _keys_and_indexes(schema, had)),
        *((schema.name, step) for schema, had in pairs for step in _references(schema, had, wanted)),
        *((schema.name, step) for schema, had in pairs for step in _comments(schema, had)),
    ]


def _keys_and_indexes(schema: TableSchema, actual: TableSchema) -> Iterator[Completion]:
    if not actual.key:
        yield PrimaryKey(schema.key)
    nullable = {column.name for column in actual.columns if column.nullable}
    for column in schema.columns:
        if not column.nullable and column.name in nullable and column.name not in schema.key:
            yield NotNull(column.name)
    present = {index.definition for index in actual.indexes}
    for index in schema.indexes:
        if index.definition not in present:
            yield index


def _references(schema: TableSchema, actual: TableSchema, wanted: Schemas) -> Iterator[Completion]:
    """Foreign keys among the mirrored tables, each with an index: a parent's deletion looks for children."""
    indexed = [*actual.indexed, *schema.indexed]
    present = {key.target for key in actual.foreign_keys}
    for key in schema.foreign_keys:
        if key.parent not in wanted:
            continue
        if not any(columns[: len(key.columns)] == key.columns for columns in indexed):
            listed = ", ".join('"' + name.replace('"', '""') + '"' for name in key.columns)
            yield Index(f"btree ({listed})", key.columns)
            indexed.append(key.columns)
        if key.target not in present:
            yield key


def _comments(schema: TableSchema, actual: TableSchema) -> Iterator[Completion]:
    if schema.comment != actual.comment:
        yield Comment(None, schema.comment)
    had = {column.name: column.comment for column in actual.columns}
    for column in schema.columns:
        if column.comment != had.get(column.name):
            yield Comment(column.name, column.comment)
