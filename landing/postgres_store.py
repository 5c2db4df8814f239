"""Where the warehouse's files go: raw tables of staging, and production's table of earlier sales."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from landing.csv_reader import Row
from landing.landing_file import Memory
from landing.lines import Line, Reject
from landing.postgres import STAGED, identifiers, remember, remembered, stage_rows
from landing.postgres_merge import RawMerge
from landing.result import Merged
from landing.spec import FileSpec
from sync.connections.psycopg import Connection, Cursor, sql


class PostgresStore(ABC):
    """One CSV file and its table, in a database whose schema `landing` holds the memory."""

    def __init__(self, connection: Connection, spec: FileSpec) -> None:
        self.connection = connection
        self.spec = spec
        self.target = sql.Identifier(*spec.target.split("."))

    def remembered(self) -> Memory | None:
        with self.connection, self.connection.cursor() as cursor:
            return remembered(cursor, self.spec.name)

    def stage(self, rows: Iterator[Line[Row]], reject: Reject) -> None:
        with self.connection.cursor() as cursor:
            stage_rows(cursor, self.spec, rows, reject)

    def merge(self, memory: Memory) -> Merged:
        with self.connection, self.connection.cursor() as cursor:
            merged = self._apply(cursor, memory)
            remember(cursor, memory, merged)
            cursor.execute(sql.SQL("DROP TABLE {}").format(STAGED))
        return merged

    @abstractmethod
    def _apply(self, cursor: Cursor, memory: Memory) -> Merged:
        """Write the staged rows to the target."""


class RawStore(PostgresStore):
    """A file with a key: a three-way merge into its raw table, batch and all."""

    def _apply(self, cursor: Cursor, memory: Memory) -> Merged:
        return RawMerge(cursor, self.spec).run()


class SeedStore(PostgresStore):
    """A file that fills an empty table once. A table that has rows of somebody else's, and a file that has
    changed since it was the seed, are left as they are, and the result says so."""

    def _apply(self, cursor: Cursor, memory: Memory) -> Merged:
        target = self.target
        columns = identifiers(self.spec.columns)
        lines = memory.outcome.landed
        if before := remembered(cursor, self.spec.name):
            if before.content != memory.content:
                note = f"{self.spec.name} has changed since it was the seed, which is applied only once"
                return Merged(left_out=lines, note=note)
            unchanged = min(lines, before.outcome.landed)
            return Merged(unchanged=unchanged, left_out=lines - unchanged, note=before.outcome.note)
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(target))
        cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(target))
        if cursor.fetchone() == (True,):
            note = f"{self.spec.target} has rows that did not come from {self.spec.name}, and stays as it is"
            return Merged(left_out=lines, note=note)
        cursor.execute(
            sql.SQL("INSERT INTO {} ({columns}) SELECT {columns} FROM {} ORDER BY number").format(
                target, STAGED, columns=columns
            )
        )
        return Merged(inserted=cursor.rowcount)
