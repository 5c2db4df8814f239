"""The first load of a table: the rows are copied once, straight into what becomes the table.

It is filled under another name, beside its place, and gets key, bookkeeping and name in one transaction.
Writing a value into every row afterwards would cost a second copy. PostgreSQL need not: a column added with a
constant default is written nowhere (https://www.postgresql.org/docs/current/sql-altertable.html, "Notes"),
and the time of change is generated from the source's own while the rows come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync.connections import psycopg
from sync.connections.psycopg import Cursor, sql
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.state import create_schemas
from sync.targets.base import Differing
from sync.targets.postgresql.merge import Counts, Statements, change_time, duplicate_key
from sync.targets.postgresql.names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    WorkTables,
    column_list,
    identifier,
    relation,
    stored_name,
)
from sync.targets.postgresql.staging import column_definitions, rejected_definitions
from sync.targets.postgresql.stamp import Stamp
from sync.targets.postgresql.tables import plan_own, refuse_reserved

# What tells our tables beside the target from another's of the same name.
MARK = "Rows of a first load that has not come to its end"


class FirstLoad:
    """A complete reading of the source into a table that is not there yet; used as `OwnTable` is. The
    rejected rows lie in a table beside it, which `work` then names. That of a dry run has names of its own,
    since another that was cut off is not to be touched."""

    def __init__(
        self, cursor: Cursor, table: Table, columns: Sequence[Column], work: WorkTables, dry_run: bool = False
    ) -> None:
        self._cursor = cursor
        self._dry_run = dry_run
        self.table = table
        self.columns = columns
        changed = change_time(table, columns)
        prefix = "_trial" if dry_run else ""
        loading, rejected, fitting = (
            f"{prefix}_{use}_{table.name}" for use in ("loading", "rejected", "fitting")
        )
        self.loading = identifier(table.schema, loading)
        self.rejected = identifier(table.schema, rejected)
        self.work = replace(work, rejected=self.rejected)
        self._sql = Statements(
            cursor,
            table,
            self.work,
            loading=self.loading,
            loading_name=identifier(loading),
            fitting=identifier(table.schema, fitting),
            columns=column_list(column.name for column in columns),
            name=identifier(table.name),
            key=column_list(table.key),
            definitions=column_definitions(table, columns),
            rejected_definitions=rejected_definitions(table, columns),
            schema_name=sql.Literal(table.schema),
            table_name=sql.Literal(table.name),
            mark=sql.Literal(MARK),
            change_time=identifier(changed or ""),
            undated=sql.SQL("'-infinity'::timestamptz"),
            batch=identifier(BATCH),
            changed_at=identifier(CHANGED_AT),
            deleted=identifier(DELETED),
            itself=relation(table.schema, table.name),
        )
        self._dated = changed is not None
        self._rows = self._undated = 0

    def exists(self) -> bool:
        """Whether there are the tables of a load that ended early."""
        return all(self._is_ours(name) for name in (self.loading, self.rejected))

    def _is_ours(self, name: sql.Identifier) -> bool:
        return self._comment(name) == MARK

    def _comment(self, name: sql.Identifier) -> str | None:
        """The comment on a relation, None where there is none of this name."""
        found = self._sql.rows(
            "SELECT coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class"
            " WHERE oid = to_regclass({relation})",
            relation=sql.Literal(name.as_string(self._cursor)),
        )
        return str(found[0][0]) if found else None

    def _refuse_strangers(self) -> None:
        for name in (self.loading, self.rejected):
            if self._comment(name) not in (None, MARK):
                raise SyncError(
                    f"{self.table.qualified}: its first load needs the name {name.as_string(self._cursor)},"
                    f" which another table has; rename that one, or declare another name or schema"
                )

    def prepare(self) -> None:
        """Make the tables that are to be filled, anew if a load that ended early has left some."""
        refuse_reserved(self.table, self.columns)
        relation = sql.Literal(identifier(self.table.schema, self.table.name).as_string(self._cursor))
        if self._sql.rows("SELECT to_regclass({relation})", relation=relation) != [(None,)]:
            raise SyncError(
                f"{self.table.qualified}: what exists under this name is no table; declare another name"
            )
        create_schemas(self._cursor, [stored_name(self.table.schema)])
        self._refuse_strangers()
        self.discard()
        generated = (
            ", {changed_at} timestamptz NOT NULL"
            " GENERATED ALWAYS AS (coalesce({change_time}, {undated})) STORED"
        )
        self._sql.run("CREATE TABLE {loading} ({definitions}" + (generated if self._dated else "") + ")")
        self._sql.run("CREATE TABLE {rejected} ({rejected_definitions})")
        self._sql.run("COMMENT ON TABLE {loading} IS {mark}; COMMENT ON TABLE {rejected} IS {mark}")

    def discard(self) -> None:
        """Throw away what lies beside the table, and how far it had come."""
        for name in (self.loading, self.rejected):
            if self._is_ours(name):
                self._sql.run("DROP TABLE {ours}", ours=name)
        if not self._dry_run:
            self._sql.run(
                "DELETE FROM sync.checkpoints"
                " WHERE (table_schema, table_name) = ({schema_name}, {table_name})"
            )

    def forget_removed(self) -> None:
        """Copy the rows, after some were removed in the same transaction: an index that is built on the table
        would hold these too, for others may still see them."""
        self._sql.run(
            "CREATE TABLE {fitting} (LIKE {loading} INCLUDING ALL);"
            " INSERT INTO {fitting} ({columns}) SELECT {columns} FROM {loading};"
            " DROP TABLE {loading}; ALTER TABLE {fitting} RENAME TO {loading_name}"
        )

    def write(self, stamp: Stamp) -> Counts:
        """Give the rows their table, key and marks: all are new.

        Raises `SyncError` when the source shows a key twice.
        """
        self._take_place()
        self._count()
        if self._rows:
            stamp.draw()
        self._mark(stamp)
        return Counts(self._rows, 0, 0)

    def _take_place(self) -> None:
        self._sql.run("ALTER TABLE {loading} RENAME TO {name}")
        try:
            self._sql.run("ALTER TABLE {table} ADD PRIMARY KEY ({key})")
        except psycopg.errors.UniqueViolation as error:
            detail = error.diag.message_detail or ""
            raise duplicate_key(self.table, self.table.key, detail) from error

    def _count(self) -> None:
        undated = "count(*) FILTER (WHERE {changed_at} = {undated})" if self._dated else "0"
        ((self._rows, self._undated),) = self._sql.rows(f"SELECT count(*), {undated} FROM {{table}}")

    def _mark(self, stamp: Stamp) -> None:
        moment, number = sql.Literal(stamp.taken_at), sql.Literal(stamp.batch or 0)
        if self._dated:
            self._sql.run("ALTER TABLE {table} ALTER {changed_at} DROP EXPRESSION")
            if self._undated:
                dated = "UPDATE {table} SET {changed_at} = {moment} WHERE {changed_at} = {undated}"
                self._sql.run(dated, moment=moment)
        else:
            dated = "ALTER TABLE {table} ADD {changed_at} timestamptz NOT NULL DEFAULT {moment}"
            self._sql.run(dated, moment=moment)
        self._sql.run(
            "ALTER TABLE {table} ADD {batch} bigint NOT NULL DEFAULT {number},"
            " ADD {deleted} boolean NOT NULL DEFAULT false",
            number=number,
        )
        self._sql.run("ALTER TABLE {table} ALTER {batch} DROP DEFAULT, ALTER {changed_at} DROP DEFAULT")
        self._sql.run("SELECT sync.index_batches({itself})")
        if self._rows:
            self._sql.run("SELECT sync.store_batch({itself}, {number})", number=number)
        # Adds the comments, and the change log with these rows as its first.
        plan_own(self._cursor, self.table, self.columns).run(self._cursor)
        # Enough to plan by until autovacuum looks closer, at a third of the time.
        self._sql.run("SET LOCAL default_statistics_target = 25")
        self._sql.run("ANALYZE {table}")

    def live_rows(self) -> int:
        return self._rows

    def differing(self, limit: int) -> tuple[Differing, ...]:
        """None are named: every row is new."""
        return ()

    def covered(self, live_rows: int) -> int:
        """How many of the source's rows are live or quarantined."""
        return live_rows + self._sql.number("SELECT count(*) FROM {rejected}")
