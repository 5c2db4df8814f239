"""Where the shop's files go: tables of its MySQL database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from landing.csv_reader import Row
from landing.landing_file import Memory
from landing.lines import Line, Reject
from landing.mysql import (
    column_list,
    field_definitions,
    fill,
    quoted,
    recreate_temporary,
    transaction,
)
from landing.mysql_memory import landed_rows, remember, remembered
from landing.mysql_merge import KeyedMerge
from landing.result import Merged
from landing.spec import FileSpec

STAGED = "landing_rows"


class LineStore:
    """A file without a key: a line is known by its values and by which of its like it is, so that lines that
    were added to the file are inserted, and no line is inserted twice."""

    def __init__(self, connection: Connection[Any], spec: FileSpec) -> None:
        self.connection = connection
        self.spec = spec

    def remembered(self) -> Memory | None:
        return remembered(self.connection, self.spec.name)

    def stage(self, rows: Iterator[Line[Row]], reject: Reject) -> None:
        with self.connection.cursor() as cursor:
            definitions = ["number bigint NOT NULL PRIMARY KEY", "line_hash binary(32) NOT NULL"]
            recreate_temporary(cursor, STAGED, [*definitions, *field_definitions(self.spec)])
            columns = ("number", "line_hash", *self.spec.columns)
            fill(cursor, STAGED, columns, ((n, _hash(row), *row) for n, _, row in rows))

    def merge(self, memory: Memory) -> Merged:
        with transaction(self.connection) as cursor:
            columns = column_list(self.spec.columns)
            cursor.execute(
                f"INSERT INTO {quoted(self.spec.table)} ({columns})"
                f" SELECT {columns} {self._new} ORDER BY number",
                (self.spec.name,),
            )
            inserted = cursor.rowcount
            cursor.execute(
                f"INSERT INTO _landed_lines SELECT %s, n.line_hash, n.occurrence {self._new}",
                (self.spec.name, self.spec.name),
            )
            merged = Merged(inserted=inserted, unchanged=memory.outcome.landed - inserted)
            remember(cursor, memory, merged)
            cursor.execute(f"DROP TEMPORARY TABLE {STAGED}")
        return merged

    @property
    def _new(self) -> str:
        return (
            "FROM (SELECT r.*, ROW_NUMBER() OVER (PARTITION BY line_hash ORDER BY number) AS occurrence"
            f" FROM {STAGED} r) n LEFT JOIN _landed_lines l ON l.file = %s AND l.line_hash = n.line_hash"
            " AND l.occurrence = n.occurrence WHERE l.file IS NULL"
        )


class KeyedStore:
    """A file with a key: a three-way merge against what it said when it was landed last."""

    def __init__(self, connection: Connection[Any], spec: FileSpec) -> None:
        self.connection = connection
        self.spec = spec

    def remembered(self) -> Memory | None:
        return remembered(self.connection, self.spec.name)

    def stage(self, rows: Iterator[Line[Row]], reject: Reject) -> None:
        with self.connection.cursor() as cursor:
            definitions = ["number bigint NOT NULL PRIMARY KEY", "raw longtext NOT NULL"]
            recreate_temporary(cursor, STAGED, [*definitions, *field_definitions(self.spec)])
            fill(
                cursor,
                STAGED,
                ("number", "raw", *self.spec.columns),
                ((n, raw, *row) for n, raw, row in rows),
            )
            self._reject_repeated_keys(cursor, reject)

    def _reject_repeated_keys(self, cursor: Cursor, reject: Reject) -> None:
        key = column_list(self.spec.key)
        cursor.execute(
            "SELECT number, raw, first FROM (SELECT number, raw, MIN(number) OVER"
            f" (PARTITION BY {key}) AS first FROM {STAGED}) r WHERE number <> first ORDER BY number"
        )
        repeated = cursor.fetchall()
        for number, raw, first in repeated:
            reject(number, raw, f"has the same {', '.join(self.spec.key)} as line {first}")
        cursor.executemany(
            f"DELETE FROM {STAGED} WHERE number = %s", [(number,) for number, _, _ in repeated]
        )

    def merge(self, memory: Memory) -> Merged:
        merge = KeyedMerge(
            file=STAGED,
            landed=quoted(landed_rows(self.spec.table)),
            target=quoted(self.spec.table),
            key=self.spec.key,
            columns=self.spec.columns,
            order="number",
        )
        with transaction(self.connection) as cursor:
            merged = merge.run(cursor)
            remember(cursor, memory, merged)
            cursor.execute(f"DROP TEMPORARY TABLE {STAGED}")
        return merged


def _hash(row: Row) -> bytes:
    """A line's values as they are remembered for ever: a change here would land every line once more."""
    return hashlib.sha256(json.dumps([str(value) for value in row]).encode()).digest()
