"""The difference between staged rows and a table, found first and then applied.

Rows are compared by their binary image (`*<>`): `-0.0`, the scale of a numeric and the numbers in a jsonb
compare equal otherwise, and json does not compare at all
(https://www.postgresql.org/docs/current/functions-comparisons.html, "Composite Type Comparison").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import psycopg2.errors
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from sync.copytext import key_text
from sync.errors import SyncError
from sync.spec import Column, Deletes, Table
from sync.targets.base import Differing, Extent, Finding
from sync.targets.postgresql_names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    HASH,
    OPERATION,
    ROW_KEY,
    WorkTables,
    column_list,
    equal,
    identifier,
    stored_name,
)
from sync.targets.postgresql_staging import rejected_key
from sync.targets.postgresql_tables import HISTORY_SCHEMA
from sync.types import parse_type

CHANGE_TIME = "updated_at"
FINDINGS = {"insert": Finding.MISSING, "update": Finding.DIFFERENT, "delete": Finding.UNEXPECTED}


@dataclass(frozen=True)
class Counts:
    """Rows by what happens to them; one that returns counts as inserted."""

    inserted: int
    updated: int
    deleted: int

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.deleted


class Statements:
    """Runs SQL with the names of one load filled in. Values are literals: a name may hold a percent sign."""

    def __init__(self, cursor: Cursor, table: Table, work: WorkTables, **names: sql.Composable) -> None:
        key = table.key or (ROW_KEY,)
        self._cursor = cursor
        self._names = {
            "table": identifier(table.schema, table.name),
            **{field.name: getattr(work, field.name) for field in fields(work)},
            "operation": identifier(OPERATION),
            "key": column_list(key),
            "key_texts": sql.SQL(", ").join(sql.SQL("d.{}::text").format(identifier(part)) for part in key),
            **names,
        }

    def run(self, statement: str, **names: sql.Composable) -> None:
        self._cursor.execute(sql.SQL(statement).format(**{**self._names, **names}))

    def rows(self, statement: str, **names: sql.Composable) -> list[tuple[Any, ...]]:
        self.run(statement, **names)
        return self._cursor.fetchall()

    def differing(self, limit: int) -> tuple[Differing, ...]:
        """The first rows of the delta by key."""
        found = self.rows(
            "SELECT {operation}, ARRAY[{key_texts}] FROM {delta} d ORDER BY {key} LIMIT {limit}",
            limit=sql.Literal(limit),
        )
        return tuple(Differing(key_text(values), FINDINGS[operation]) for operation, values in found)

    def number(self, statement: str, **names: sql.Composable) -> int:
        return int(str(self.rows(statement, **names)[0][0]))

    def count_delta(self) -> Counts:
        found = {str(name): int(str(rows)) for name, rows in self.rows(
            "SELECT {operation}, count(*) FROM {delta} GROUP BY 1"
        )}  # fmt: skip
        return Counts(found.get("insert", 0), found.get("update", 0), found.get("delete", 0))


class Merge:
    """Staged rows into a table of ours: its rows, tombstones and change log.

    Its methods run in this order inside one transaction of the caller, which holds the table's lease.
    """

    def __init__(self, cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables) -> None:
        self._table = table
        self._batch: int | None = None
        names = [column.name for column in columns] + ([] if table.key else [ROW_KEY])
        self._key = key = list(table.key) or [ROW_KEY]
        values = [name for name in names if name not in key]
        changed = change_time(table, columns)
        no_time = sql.SQL("NULL::timestamptz")
        same_rejected = sql.SQL(" AND ").join(
            sql.SQL("{} = r.{}").format(sql.Identifier("d", stored_name(part)), number)
            for part, number in zip(key, rejected_key(table), strict=bool(table.key))
        )
        self._sql = Statements(
            cursor,
            table,
            work,
            rows=work.staged if table.key else work.keyed,
            columns=column_list(names),
            s_columns=column_list(names, "s"),
            t_columns=column_list(names, "t"),
            s_key=sql.Identifier("s", stored_name(key[0])),
            t_key=sql.Identifier("t", stored_name(key[0])),
            either_key=sql.SQL(", ").join(
                sql.SQL("coalesce({s}, {t}) AS {name}").format(
                    s=sql.Identifier("s", stored_name(part)),
                    t=sql.Identifier("t", stored_name(part)),
                    name=identifier(part),
                )
                for part in key
            ),
            s_values=sql.SQL("").join(
                sql.SQL(", {}").format(sql.Identifier("s", stored_name(name))) for name in values
            ),
            t_keys=column_list(key, "t"),
            same_key=equal(key, "s", "t"),
            same_delta=equal(key, "t", "d"),
            same_touched=equal(key, "s", "d"),
            same_rejected=same_rejected,
            assignments=sql.SQL("").join(
                sql.SQL("{name} = excluded.{name}, ").format(name=identifier(name)) for name in names
            ),
            batch=identifier(BATCH),
            changed_at=identifier(CHANGED_AT),
            deleted=identifier(DELETED),
            change_time=sql.Identifier("d", stored_name(changed)) if changed else no_time,
            log=identifier(HISTORY_SCHEMA, table.name),
            follow_deletes=sql.Literal(table.deletes is Deletes.TOMBSTONE),
        )

    def find(self, extent: Extent) -> Counts:
        """Compare."""
        if extent is Extent.PARTIAL:
            self._find_staged()
            return self._sql.count_delta()
        if not self._table.key:
            self._number_equal_rows()
        self._sql.run(
            "CREATE TEMP TABLE {delta} ON COMMIT DROP AS SELECT {either_key} {s_values}, CASE"
            " WHEN {s_key} IS NULL THEN 'delete' WHEN {t_key} IS NULL OR t.{deleted} THEN 'insert'"
            " ELSE 'update' END AS {operation}"
            " FROM {rows} s FULL JOIN {table} t ON {same_key}"
            " WHERE ({s_key} IS NULL AND NOT t.{deleted} AND {follow_deletes}) OR ({s_key} IS NOT NULL"
            " AND ({t_key} IS NULL OR t.{deleted} OR ROW({s_columns})::record *<> ROW({t_columns})::record))"
        )
        if self._table.key:  # a row in quarantine is not gone, it stays as it last was
            self._sql.run(
                "DELETE FROM {delta} d USING {rejected} r WHERE d.{operation} = 'delete' AND {same_rejected}"
            )
        return self._sql.count_delta()

    def _find_staged(self) -> None:
        self._sql.run(
            "CREATE TEMP TABLE {delta} ON COMMIT DROP AS SELECT {s_columns},"
            " CASE WHEN {t_key} IS NULL OR t.{deleted} THEN 'insert' ELSE 'update' END AS {operation}"
            " FROM {staged} s LEFT JOIN {table} t ON {same_key}"
            " WHERE {t_key} IS NULL OR t.{deleted} OR ROW({s_columns})::record *<> ROW({t_columns})::record"
        )
        self._sql.run(
            # Most of the touched rows were staged: what is left is few to look for in the table.
            "INSERT INTO {delta} ({key}, {operation}) WITH lacking AS MATERIALIZED ("
            "SELECT DISTINCT {key} FROM {touched} d"
            " WHERE NOT EXISTS (SELECT FROM {staged} s WHERE {same_touched})"
            " AND NOT EXISTS (SELECT FROM {rejected} r WHERE {same_rejected}))"
            " SELECT {t_keys}, 'delete' FROM lacking d JOIN {table} t ON {same_delta}"
            " WHERE NOT t.{deleted} AND {follow_deletes}"
        )

    def _number_equal_rows(self) -> None:
        """Without a key a table is a multiset: a row's hash and its number among equals identify it."""
        self._sql.run(
            "CREATE TEMP TABLE {keyed} ON COMMIT DROP AS SELECT hashed.*, encode({hash}, 'hex') || '-'"
            " || row_number() OVER (PARTITION BY {hash}) AS {key}"
            " FROM (SELECT s.*, sha256(convert_to(s::text, 'UTF8')) AS {hash} FROM {staged} s) hashed",
            hash=identifier(HASH),
        )

    def apply(self, batch: int | None, taken_at: datetime) -> None:
        """Write what was found, stamped with `batch` and the time of each change; None: nothing was.

        Raises `SyncError` when the source shows a key twice.
        """
        self._batch = batch
        if batch is None:
            return
        stamps: dict[str, sql.Composable] = {"moment": sql.Literal(taken_at), "number": sql.Literal(batch)}
        self._sql.run("ANALYZE {delta} ({key})")
        try:
            self._sql.run(
                "INSERT INTO {table} AS t ({columns}, {batch}, {changed_at})"
                " SELECT {columns}, {number}, coalesce({change_time}, {moment})"
                " FROM {delta} d WHERE d.{operation} <> 'delete'"
                " ON CONFLICT ({key}) DO UPDATE SET {assignments} {batch} = excluded.{batch},"
                " {changed_at} = greatest(excluded.{changed_at}, t.{changed_at} + '1 microsecond'),"
                " {deleted} = false",
                **stamps,
            )
        except psycopg2.errors.CardinalityViolation as error:
            raise duplicate_key(self._table, self._key, "") from error
        self._sql.run(
            "UPDATE {table} t SET {deleted} = true, {batch} = {number},"
            " {changed_at} = greatest({moment}, t.{changed_at} + '1 microsecond')"
            " FROM {delta} d WHERE d.{operation} = 'delete' AND {same_delta}",
            **stamps,
        )
        if self._table.history:
            self._sql.run(
                "INSERT INTO {log} ({columns}, {batch}, {changed_at}, {deleted})"
                " SELECT {columns}, {batch}, {changed_at}, {deleted} FROM {table} WHERE {batch} = {number}",
                **stamps,
            )

    def live_rows(self) -> int:
        return self._sql.number("SELECT count(*) FROM {table} WHERE NOT {deleted}")

    def differing(self, limit: int) -> tuple[Differing, ...]:
        """The first rows, by key, of what was found."""
        return self._sql.differing(limit)

    def covered(self, extent: Extent, live_rows: int) -> int:
        """How many of the rows that were staged or rejected are live or quarantined.

        Raises `SyncError` when there are fewer since the source shows a key twice.
        """
        if extent is Extent.PARTIAL:
            covered = self._covered_partly()
        elif self._table.deletes is Deletes.IGNORE:
            # Then the table has further rows, which were not staged.
            covered = self._sql.number(
                "SELECT count(*) FROM {table} t"
                " WHERE NOT t.{deleted} AND EXISTS (SELECT FROM {rows} s WHERE {same_key})"
            )
            covered += self._sql.number("SELECT count(*) FROM {rejected}")
        elif self._table.key:
            covered = live_rows + self._sql.number(
                "SELECT count(*) FROM {rejected} r"
                " WHERE NOT EXISTS (SELECT FROM {table} d WHERE {same_rejected} AND NOT d.{deleted})"
            )
        else:
            covered = live_rows + self._sql.number("SELECT count(*) FROM {rejected}")
        read = "SELECT (SELECT count(*) FROM {staged}) + (SELECT count(*) FROM {rejected})"
        if self._table.key and covered < self._sql.number(read):
            twice = self._sql.rows(
                "SELECT ROW({key})::text FROM {staged} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
            )
            if twice:
                raise duplicate_key(self._table, self._key, f"One is {twice[0][0]}.")
        return covered

    def _covered_partly(self) -> int:
        """The keys that were staged and not written, which were found to be live, and the written rows that
        are: this does not read the whole table."""
        return self._sql.number(
            "SELECT (SELECT count(*) FROM (SELECT FROM {staged} GROUP BY {key}) AS keys)"
            " - (SELECT count(*) FROM {delta} WHERE {operation} <> 'delete')"
            " + (SELECT count(*) FROM {table} WHERE {batch} = {number} AND NOT {deleted})"
            " + (SELECT count(*) FROM {rejected})",
            number=sql.Literal(self._batch),
        )


def duplicate_key(table: Table, key: Sequence[str], detail: str) -> SyncError:
    return SyncError(
        f"{table.qualified}: the source shows a key ({', '.join(key)}) twice. {detail}"
        f" Declare a key that is unique there, or none to compare whole rows"
    )


def change_time(table: Table, columns: Sequence[Column]) -> str | None:
    """The column with the source's own time of a row's last change, None where the table has none."""
    for name in (table.cursor, CHANGE_TIME):
        for column in columns:
            if column.name == name and parse_type(column.type).base == "timestamptz":
                return name
    return None
