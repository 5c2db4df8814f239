"""Merging into a table that somebody else made: by key, the shared columns alone, nothing deleted.

It needs no index on the key and alters nothing: the table is locked against other writers for the moment
between comparing and writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync.connections.psycopg import Cursor, sql
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.targets.base import Differing
from sync.targets.postgresql.catalog import existing_columns
from sync.targets.postgresql.merge import Counts, Statements
from sync.targets.postgresql.names import WorkTables, column_list, equal, identifier, stored_name
from sync.targets.postgresql.plan import Plan
from sync.targets.postgresql.stamp import Stamp
from sync.targets.postgresql.tables import plan_table


def shared_columns(cursor: Cursor, table: Table, columns: Sequence[Column], plan: Plan) -> tuple[Column, ...]:
    """The columns that the source and somebody else's table share, with that table's types.

    Plans the table with the source's columns where there is none; one that is there is never altered. Raises
    `SyncError` when the key is not among the shared columns.
    """
    existing = existing_columns(cursor, table.schema, table.name)
    if not existing:
        plan_table(plan, cursor, table, table.schema, columns, table.key)
        return tuple(columns)
    shared = tuple(
        replace(column, type=there.type, source=column.source_name)
        for column in columns
        if (there := existing.get(stored_name(column.name))) and not there.computed
    )
    if missing := [part for part in table.key if part not in {column.name for column in shared}]:
        raise SyncError(
            f"{table.qualified}: the adopted table has no column {missing[0]!r} to merge by; its columns are"
            f" {', '.join(existing)}. Declare a key that both sides have"
        )
    return shared


def _columns_to_empty(cursor: Cursor, table: Table, shared: Sequence[Column]) -> list[str]:
    """The adopted table's further columns that a new row has to be given NULL for, lest a default invents a
    value. Raises `SyncError` for one that takes no NULL; a sequence that numbers rows is left to number."""
    names = {stored_name(column.name) for column in shared}
    others = [
        column
        for column in existing_columns(cursor, table.schema, table.name).values()
        if column.name not in names and not column.computed and not column.default.startswith("nextval(")
    ]
    if strict := [column.name for column in others if column.not_null]:
        raise SyncError(
            f"{table.qualified}: column {strict[0]!r} takes no NULL, and the source has no value for it in a"
            f" new row; ALTER TABLE it to DROP NOT NULL"
        )
    return [column.name for column in others if column.default]


class AdoptingMerge:
    """Staged rows into an adopted table; used as `OwnTable` is. Rows that were not staged stay."""

    def __init__(self, cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables) -> None:
        self._table = table
        names = [column.name for column in columns]
        emptied = _columns_to_empty(cursor, table, columns)
        self._sql = Statements(
            cursor,
            table,
            work,
            columns=column_list(names),
            key=column_list(table.key),
            s_columns=column_list(names, "s"),
            t_columns=column_list(names, "t"),
            t_key=sql.Identifier("t", stored_name(table.key[0])),
            same_key=equal(table.key, "s", "t"),
            same_delta=equal(table.key, "t", "d"),
            assignments=sql.SQL(", ").join(
                sql.SQL("{} = {}").format(identifier(name), sql.Identifier("d", stored_name(name)))
                for name in names
            ),
            emptied=sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in emptied),
            nulls=sql.SQL(", NULL") * len(emptied),
        )

    def write(self, stamp: Stamp) -> Counts:
        """Let the table hold what was staged; it has no place for the batch and the time of the change.

        Raises `SyncError` when the source shows a key twice.
        """
        self._find()
        counts = self._sql.count_delta()
        if counts.changed:
            stamp.draw()
            self._apply()
        return counts

    def _find(self) -> None:
        self._sql.run("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        twice = self._sql.rows(
            "SELECT ROW({key})::text FROM {staged} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
        )
        if twice:
            raise SyncError(
                f"{self._table.qualified}: the source shows the key {twice[0][0]} twice; declare a key"
                f" ({', '.join(self._table.key)} now) that is unique there"
            )
        self._sql.run(
            "CREATE TEMP TABLE {delta} ON COMMIT DROP AS SELECT {s_columns},"
            " CASE WHEN {t_key} IS NULL THEN 'insert' ELSE 'update' END AS {operation}"
            " FROM {staged} s LEFT JOIN {table} t ON {same_key}"
            " WHERE {t_key} IS NULL OR ROW({s_columns})::record *<> ROW({t_columns})::record"
        )

    def _apply(self) -> None:
        self._sql.run("ANALYZE {delta}")
        self._sql.run(
            "UPDATE {table} t SET {assignments} FROM {delta} d"
            " WHERE d.{operation} = 'update' AND {same_delta}"
        )
        self._sql.run(
            "INSERT INTO {table} ({columns} {emptied}) SELECT {columns} {nulls} FROM {delta}"
            " WHERE {operation} = 'insert'"
        )

    def live_rows(self) -> int:
        return self._sql.number("SELECT count(*) FROM {table}")

    def differing(self, limit: int) -> tuple[Differing, ...]:
        return self._sql.differing(limit)

    def covered(self, live_rows: int) -> int:
        return self._sql.number(
            "SELECT (SELECT count(*) FROM {staged} s WHERE EXISTS (SELECT FROM {table} t WHERE {same_key}))"
            " + (SELECT count(*) FROM {rejected})"
        )
