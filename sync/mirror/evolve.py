"""Bring production's tables to the form that staging's have.

Two steps around the rows: `prepare` makes tables and columns fit to receive them, `complete` adds the keys,
indexes and comments that are missing, which is cheaper once the rows are there. What production has beyond
staging's form (a column that staging dropped, an index of its administrator) stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from sync.mirror.form import ColumnForm, TableForm, TableName, column_list

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

Forms = Mapping[TableName, TableForm]


class Reception(IntEnum):
    """How a table's rows have to be taken in, the lightest way first."""

    NOTHING = 0  # no row is new
    CHANGES = 1  # rows above the position
    COMPARISON = 2  # every live row, compared with what is there
    LOAD = 3  # every live row, into an empty table without a key


@dataclass(frozen=True)
class Evolution:
    """What has to change in one table before it can receive staging's rows.

    `obsolete` are names of foreign keys that contradict staging's or stand in the way of the other changes.
    """

    form: TableForm
    exists: bool
    rekeyed: bool = False
    added: tuple[ColumnForm, ...] = ()
    retyped: tuple[ColumnForm, ...] = ()
    relaxed: tuple[str, ...] = ()
    obsolete: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.exists or bool(
            self.rekeyed or self.added or self.retyped or self.relaxed or self.obsolete
        )

    @property
    def disrupts_views(self) -> bool:
        """Whether PostgreSQL refuses it as long as a view stands on the table."""
        return self.rekeyed or bool(self.retyped)

    @property
    def reception(self) -> Reception:
        """The lightest way to take in the rows that this change allows.

        `_batch` does not tell which rows a new or retyped column touches, so the table is compared whole.
        """
        if self.rekeyed or not self.exists:
            return Reception.LOAD
        return Reception.COMPARISON if self.added or self.retyped else Reception.NOTHING


def evolutions(wanted: Forms, actual: Forms) -> list[Evolution]:
    """What `prepare` has to do, one entry a wanted table; a false one where there is nothing to do."""
    changes = [_evolution(form, actual.get(name)) for name, form in wanted.items()]
    rekeyed = {change.form.name for change in changes if change.rekeyed}
    return [
        replace(change, obsolete=_obsolete(change, actual[change.form.name], wanted, rekeyed))
        if change.exists
        else change
        for change in changes
    ]


def drop_obsolete_references(cursor: Cursor, change: Evolution) -> None:
    """Drop the foreign keys that are wrong or in the way; do so for all tables before the first `prepare`."""
    for constraint in change.obsolete:
        _alter(cursor, change.form, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(constraint)))


def prepare(cursor: Cursor, change: Evolution) -> None:
    """Make a table able to receive staging's rows.

    A table whose key changed gives up its rows; they are loaded again by the new key, within the same
    transaction. Raises `psycopg2.Error` where something that is not ours depends on what must change.
    """
    if not change.exists:
        _create(cursor, change.form)
        return
    if change.rekeyed:
        _give_up_rows(cursor, change.form)
    for name in change.relaxed:
        _alter(cursor, change.form, sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(sql.Identifier(name)))
    for column in change.added:
        # NOT NULL is one of the completions, when the column has its values.
        identifier, type_ = sql.Identifier(column.name), sql.SQL(column.type)
        _alter(cursor, change.form, sql.SQL("ADD COLUMN {} {}").format(identifier, type_))
    for column in change.retyped:
        _retype(cursor, change.form, column)


def completions(wanted: Forms, actual: Forms) -> list[tuple[TableName, sql.Composed]]:
    """The statements that add what production lacks of keys, NOT NULL, indexes and comments, in order."""
    pairs = [(form, actual[name]) for name, form in wanted.items()]
    return [
        *((form.name, step) for form, had in pairs for step in _keys_and_indexes(form, had)),
        *((form.name, step) for form, had in pairs for step in _references(form, had, wanted)),
        *((form.name, step) for form, had in pairs for step in _comments(form, had)),
    ]


def _evolution(form: TableForm, actual: TableForm | None) -> Evolution:
    if actual is None:
        return Evolution(form, exists=False)
    had = {column.name: column for column in actual.columns}
    has = {column.name: column for column in form.columns}
    retyped = tuple(column for name, column in has.items() if name in had and column.type != had[name].type)
    return Evolution(
        form,
        exists=True,
        rekeyed=form.key != actual.key or any(column.name in form.key for column in retyped),
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
    change: Evolution, actual: TableForm, wanted: Forms, rekeyed: set[TableName]
) -> tuple[str, ...]:
    targets = {key.target for key in change.form.foreign_keys}
    retyped = {column.name for column in change.retyped}
    return tuple(
        key.name
        for key in actual.foreign_keys
        if key.parent in wanted
        and (
            key.target not in targets or retyped & {*key.columns} or rekeyed & {change.form.name, key.parent}
        )
    )


def _alter(cursor: Cursor, form: TableForm, action: sql.Composable) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} {}").format(form.name.identifier, action))


def _create(cursor: Cursor, form: TableForm) -> None:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type),
            sql.SQL("" if column.nullable else " NOT NULL"),
        )
        for column in form.columns
    ]
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(form.name.schema)))
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(form.name.identifier, sql.SQL(", ").join(columns)))


def _give_up_rows(cursor: Cursor, form: TableForm) -> None:
    cursor.execute(sql.SQL("DELETE FROM {}").format(form.name.identifier))
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = %s::regclass",
        [form.name.identifier.as_string(cursor)],
    )
    for (constraint,) in cursor.fetchall():
        _alter(cursor, form, sql.SQL("DROP CONSTRAINT {}").format(sql.Identifier(constraint)))


def _retype(cursor: Cursor, form: TableForm, column: ColumnForm) -> None:
    """Change a column's type and keep its values where they can be cast; the comparison corrects them.

    Values that cannot be cast become NULL until then, which no reader sees: it is one transaction.
    """
    identifier, type_ = sql.Identifier(column.name), sql.SQL(column.type)
    retype = sql.SQL("ALTER COLUMN {} TYPE {} USING ").format(identifier, type_)
    cursor.execute("SAVEPOINT retype")
    try:
        _alter(cursor, form, retype + sql.SQL("{}::{}").format(identifier, type_))
    except (psycopg2.DataError, psycopg2.errors.CannotCoerce):
        cursor.execute("ROLLBACK TO SAVEPOINT retype")
        _alter(cursor, form, sql.SQL("ALTER COLUMN {} DROP NOT NULL").format(identifier))
        _alter(cursor, form, retype + sql.SQL("NULL"))
    cursor.execute("RELEASE SAVEPOINT retype")


def _keys_and_indexes(form: TableForm, actual: TableForm) -> Iterator[sql.Composed]:
    alter = sql.SQL("ALTER TABLE {} ").format(form.name.identifier)
    if not actual.key:
        yield alter + sql.SQL("ADD PRIMARY KEY ({})").format(column_list(form.key))
    nullable = {column.name for column in actual.columns if column.nullable}
    for column in form.columns:
        if not column.nullable and column.name in nullable and column.name not in form.key:
            yield alter + sql.SQL("ALTER COLUMN {} SET NOT NULL").format(sql.Identifier(column.name))
    for definition in form.indexes:
        if definition not in actual.indexes:
            yield sql.SQL("CREATE INDEX ON {} USING {}").format(form.name.identifier, sql.SQL(definition))


def _references(form: TableForm, actual: TableForm, wanted: Forms) -> Iterator[sql.Composed]:
    """Foreign keys among the mirrored tables, each with an index: a parent's deletion looks for children."""
    indexed = [*actual.indexed, *form.indexed]
    for key in form.foreign_keys:
        if key.parent not in wanted:
            continue
        if not any(columns[: len(key.columns)] == key.columns for columns in indexed):
            yield sql.SQL("CREATE INDEX ON {} ({})").format(form.name.identifier, column_list(key.columns))
            indexed.append(key.columns)
        if key.target not in {present.target for present in actual.foreign_keys}:
            yield sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})").format(
                form.name.identifier,
                sql.Identifier(key.name),
                column_list(key.columns),
                key.parent.identifier,
                column_list(key.parent_columns),
            )


def _comments(form: TableForm, actual: TableForm) -> Iterator[sql.Composed]:
    if form.comment != actual.comment:
        yield sql.SQL("COMMENT ON TABLE {} IS {}").format(form.name.identifier, sql.Literal(form.comment))
    had = {column.name: column.comment for column in actual.columns}
    for column in form.columns:
        if column.comment != had[column.name]:
            yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                sql.Identifier(*form.name, column.name), sql.Literal(column.comment)
            )
