"""What MySQL's and MariaDB's catalogs say about a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pymysql

from sync.errors import SyncError, UnknownTableError
from sync.sources.base import unknown_exclusion
from sync.spec import Table


@dataclass(frozen=True)
class SourceColumn:
    """A column as information_schema has it: `precision` and `scale` of a number, bits of a BIT, or a
    temporal type's digits of a second as `scale`."""

    name: str
    data_type: str
    column_type: str
    nullable: bool
    comment: str
    charset: str
    precision: int | None
    scale: int | None

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.column_type


@dataclass(frozen=True)
class SourceTable:
    """A table under its exact name, since names may be matched without regard to case."""

    database: str
    name: str
    columns: dict[str, SourceColumn]

    @property
    def quoted(self) -> str:
        return f"{quote(self.database)}.{quote(self.name)}"


def quote(identifier: str) -> str:
    """An identifier in backticks, percent signs left alone: these statements take no parameters."""
    return "`" + identifier.replace("`", "``") + "`"


def read_table(connection: pymysql.Connection[Any], table: Table) -> SourceTable:
    """The table's columns in their order, invisible and generated ones included.

    Raises `UnknownTableError` when there is no such table, or none that this user may see.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, column_name, data_type, column_type, is_nullable,"
            " column_comment, coalesce(character_set_name, ''), numeric_precision,"
            " coalesce(numeric_scale, datetime_precision)"
            " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
            " ORDER BY ordinal_position",
            (table.database, table.source_name),
        )
        rows = cursor.fetchall()
    names = {(row[0], row[1]) for row in rows}
    exact = (table.database, table.source_name)
    if exact not in names and len(names) == 1:
        exact = names.pop()
    columns = {
        row[2]: SourceColumn(
            row[2], row[3].lower(), row[4].lower(), row[5] == "YES", row[6], row[7], *map(_integer, row[8:])
        )
        for row in rows
        if (row[0], row[1]) == exact
    }
    if not columns:
        raise UnknownTableError(
            f"{table.qualified}: MySQL has no table {table.database}.{table.source_name} that this user may"
            f" read. Correct database or source_table in the declaration, or GRANT SELECT on it"
        )
    return SourceTable(*exact, columns)


def unique_keys(connection: pymysql.Connection[Any], table: Table) -> list[tuple[str, ...]]:
    """The columns of the table's primary key in their order, then of its unique keys whose columns take no
    NULL, the shortest first. Declared columns are named as they are there, whose case MySQL ignores."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT index_name, column_name, nullable = 'YES' FROM information_schema.statistics"
            " WHERE table_schema = %s AND table_name = %s AND non_unique = 0"
            " ORDER BY index_name, seq_in_index",
            (table.database, table.source_name),
        )
        rows = cursor.fetchall()
    keys: dict[str, list[str]] = {}
    declared = {column.source_name.lower(): column.source_name for column in table.columns}
    for index, column, _ in rows:
        keys.setdefault(index, []).append(declared.get(column.lower(), column) if column else column)
    # What is unique by an expression (MySQL) has no column's name there.
    unfit = {index for index, column, nullable in rows if nullable or column is None}
    fit = sorted(keys.keys() - unfit, key=lambda index: (index != "PRIMARY", len(keys[index]), index))
    return [tuple(keys[index]) for index in fit]


def is_transactional(connection: pymysql.Connection[Any], table: Table) -> bool:
    """Whether a snapshot shows the table as it was then; taken for granted of a view."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(e.transactions, 'YES') FROM information_schema.tables AS t"
            " LEFT JOIN information_schema.engines AS e ON e.engine = t.engine"
            " WHERE t.table_schema = %s AND t.table_name = %s",
            (table.database, table.source_name),
        )
        return all(transactions == "YES" for (transactions,) in cursor.fetchall())


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def column_of(source: SourceTable, table: Table, name: str) -> SourceColumn:
    """A column by its name, whose case MySQL ignores. Raises `SyncError` where the table has none."""
    found = _find(source, name)
    if found is None:
        raise SyncError(
            f"{table.qualified}: {source.database}.{source.name} has no column {name!r}; it has"
            f" {', '.join(source.columns)}. Correct the declaration, or give the column's source name"
        )
    return found


def excluded_columns(source: SourceTable, table: Table) -> set[str]:
    """The columns that the declaration excludes, as the source writes their names. Raises `SyncError` for a
    name that no column has."""
    found = set()
    for name in sorted(table.exclude):
        column = _find(source, name)
        if column is None:
            raise unknown_exclusion(table, f"{source.database}.{source.name}", name, source.columns)
        found.add(column.name)
    return found


def _find(source: SourceTable, name: str) -> SourceColumn | None:
    return source.columns.get(name) or next(
        (column for column in source.columns.values() if column.name.lower() == name.lower()), None
    )
