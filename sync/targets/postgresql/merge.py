"""What the ways of merging staged rows into a table have in common.

Rows are compared by their binary image (`*<>`): `-0.0`, the scale of a numeric and the numbers in a jsonb
compare equal otherwise, and json does not compare at all
(https://www.postgresql.org/docs/current/functions-comparisons.html, "Composite Type Comparison").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from sync.connections import psycopg
from sync.connections.psycopg import Cursor, sql
from sync.copytext import key_text
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.targets.base import Differing, Finding
from sync.targets.postgresql.names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    OPERATION,
    ROW_KEY,
    WorkTables,
    column_list,
    equal,
    identifier,
    relation,
    stored_name,
)
from sync.targets.postgresql.staging import rejected_key
from sync.targets.postgresql.stamp import Stamp
from sync.targets.postgresql.tables import HISTORY_SCHEMA
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

    def run(self, statement: str, **names: sql.Composable) -> int:
        """Returns how many rows were touched."""
        self._cursor.execute(sql.SQL(statement).format(**{**self._names, **names}))
        return int(self._cursor.rowcount)

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


class OwnTable:
    """A table of ours, with its tombstones and its change log. A subclass is a way to write into it."""

    def __init__(self, cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables) -> None:
        self._table = table
        self._key = list(table.key) or [ROW_KEY]
        self._names = [column.name for column in columns] + ([] if table.key else [ROW_KEY])
        changed = change_time(table, columns)
        no_time = sql.SQL("NULL::timestamptz")
        self._sql = Statements(
            cursor,
            table,
            work,
            columns=column_list(self._names),
            t_columns=column_list(self._names, "t"),
            same_delta=equal(self._key, "t", "d"),
            same_rejected=sql.SQL(" AND ").join(
                sql.SQL("{} = r.{}").format(sql.Identifier("d", stored_name(part)), number)
                for part, number in zip(self._key, rejected_key(table), strict=bool(table.key))
            ),
            assignments=sql.SQL("").join(
                sql.SQL("{name} = excluded.{name}, ").format(name=identifier(name)) for name in self._names
            ),
            batch=identifier(BATCH),
            changed_at=identifier(CHANGED_AT),
            deleted=identifier(DELETED),
            change_time=sql.Identifier("d", stored_name(changed)) if changed else no_time,
            log=identifier(HISTORY_SCHEMA, table.name),
            itself=relation(table.schema, table.name),
            its_log=relation(HISTORY_SCHEMA, table.name),
            **self._further_names(work),
        )

    def _further_names(self, work: WorkTables) -> dict[str, sql.Composable]:
        raise NotImplementedError

    def write(self, stamp: Stamp) -> Counts:
        """Let the table hold what was staged. Raises `SyncError` when the source shows a key twice."""
        raise NotImplementedError

    def differing(self, limit: int) -> tuple[Differing, ...]:
        """The first rows, by key, of what was found to differ."""
        raise NotImplementedError

    def covered(self, live_rows: int) -> int:
        """How many of the rows that were staged or rejected are live or quarantined.

        Raises `SyncError` when there are fewer since the source shows a key twice.
        """
        raise NotImplementedError

    @contextmanager
    def _one_row_a_key(self) -> Iterator[None]:
        """Names the trouble when an upsert meets a key twice."""
        try:
            yield
        except psycopg.errors.CardinalityViolation as error:
            raise duplicate_key(self._table, self._key, "") from error

    def _record(self, stamp: Stamp) -> None:
        """Store that the batch wrote rows, and append these to the change log."""
        self._sql.run("SELECT sync.store_batch({itself}, {number})", **stamp.values())
        if self._table.history:
            # A row that somebody took out of the table comes with a time that its log has seen.
            self._sql.run(
                "UPDATE {table} t SET {changed_at} = d.{changed_at} + '1 microsecond' FROM ("
                "SELECT {key}, max({changed_at}) AS {changed_at} FROM {log}"
                " WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {batch} = {number}) GROUP BY {key}) d"
                " WHERE t.{batch} = {number} AND {same_delta} AND t.{changed_at} <= d.{changed_at}",
                **stamp.values(),
            )
            self._sql.run("SELECT sync.store_batch({its_log}, {number})", **stamp.values())
            self._sql.run(
                "INSERT INTO {log} ({columns}, {batch}, {changed_at}, {deleted})"
                " SELECT {columns}, {batch}, {changed_at}, {deleted} FROM {table} WHERE {batch} = {number}",
                **stamp.values(),
            )

    def live_rows(self) -> int:
        return self._sql.number("SELECT count(*) FROM {table} WHERE NOT {deleted}")

    def _refuse_twice(self, covered: int) -> int:
        """Returns `covered`, unless there are fewer than were read since the source shows a key twice."""
        read = "SELECT (SELECT count(*) FROM {staged}) + (SELECT count(*) FROM {rejected})"
        if self._table.key and covered < self._sql.number(read):
            twice = self._sql.rows(
                "SELECT ROW({key})::text FROM {staged} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
            )
            if twice:
                raise duplicate_key(self._table, self._key, f"One is {twice[0][0]}.")
        return covered


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
