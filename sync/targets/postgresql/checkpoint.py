"""A first load that outlives its pass: rows, rejects and how far they reach, committed portion by portion.

The rows stay in the table beside the target that the first load fills, the rejected ones in another; the
checkpoint lies in `sync.checkpoints` and commits with each portion. A server that crashes may forget the last
portions, but never a checkpoint without its rows or the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields, replace

from sync.connections.psycopg import Connection, sql
from sync.copytext import Chunk
from sync.state import Lease
from sync.targets.base import Checkpoint
from sync.targets.postgresql.first import FirstLoad
from sync.targets.postgresql.names import WorkTables, column_list, equal, stored_name
from sync.targets.postgresql.staging import Staging, rejected_key

_COLUMNS = [field.name for field in fields(Checkpoint)]


class PostgreSQLKeptLoad:
    """See `targets.base.KeptLoad`. `work` are the temporary tables for rows that are read again."""

    def __init__(self, connection: Connection, first: FirstLoad, lease: Lease, work: WorkTables) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._first = first
        self._table = first.table
        self._lease = lease
        self._work = work
        self._again = Staging(self._cursor, self._table, first.columns, work)
        self._place = (self._table.schema, self._table.name)

    @property
    def checkpoint(self) -> Checkpoint | None:
        if not self._first.exists():
            return None
        self._cursor.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM sync.checkpoints WHERE (table_schema, table_name) = (%s, %s)",
            self._place,
        )
        row = self._cursor.fetchone()
        return Checkpoint(*row) if row else None

    def begin(self) -> None:
        with self._connection:
            self._first.prepare()

    @contextmanager
    def portion(self) -> Iterator[None]:
        with self._connection:
            self._lease.check(self._cursor)
            yield

    def save(self, checkpoint: Checkpoint) -> None:
        self._cursor.execute(
            f"INSERT INTO sync.checkpoints (table_schema, table_name, {', '.join(_COLUMNS)})"
            f" VALUES (%s, %s{', %s' * len(_COLUMNS)}) ON CONFLICT (table_schema, table_name) DO UPDATE SET "
            + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS),
            (*self._place, *astuple(checkpoint)),
        )

    def stage_again(self, keys: bytes, chunk: Chunk) -> None:
        if keys:
            self._again.add_touched(keys)
        self._again.take(chunk)

    def replace(self, checkpoint: Checkpoint) -> Checkpoint:
        if not self._again.empty:
            self._again.analyze()
        with self.portion():
            replaced = checkpoint if self._again.empty else self._replaced(checkpoint)
            self.save(replaced)
        self._again.clear()
        return replaced

    def _replaced(self, checkpoint: Checkpoint) -> Checkpoint:
        key = self._table.key
        same_rejected = sql.SQL(" AND ").join(
            sql.SQL("l.{} = d.{}").format(number, sql.Identifier(stored_name(part)))
            for part, number in zip(key, rejected_key(self._table), strict=True)
        )
        touched = sql.SQL("(SELECT {key} FROM {touched} UNION SELECT {key} FROM {staged})").format(
            key=column_list(key), touched=self._work.touched, staged=self._work.staged
        )
        removed = 0
        for statement in (
            "DELETE FROM {loading} l USING {touched} d WHERE {same}",
            "DELETE FROM {rejected} l USING {touched} d WHERE {same_rejected}",
            "DELETE FROM {rejected} l USING {rejected_again} d WHERE l.key = d.key",
        ):
            self._run(statement, touched=touched, same=equal(key, "l", "d"), same_rejected=same_rejected)
            removed += self._cursor.rowcount
        columns = column_list(column.name for column in self._first.columns)
        self._run("INSERT INTO {loading} ({columns}) SELECT {columns} FROM {staged}", columns=columns)
        added = self._cursor.rowcount
        self._run("INSERT INTO {rejected} SELECT * FROM {rejected_again}")
        added += self._cursor.rowcount
        self._run("SELECT count(*) FROM {rejected}")
        ((rejected,),) = self._cursor.fetchall()
        return replace(checkpoint, rows=checkpoint.rows + added - removed, rejected=rejected)

    def _run(self, statement: str, **names: sql.Composable) -> None:
        self._cursor.execute(
            sql.SQL(statement).format(
                loading=self._first.loading,
                rejected=self._first.rejected,
                staged=self._work.staged,
                rejected_again=self._work.rejected,
                **names,
            )
        )
