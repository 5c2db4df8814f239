"""A pass into a warehouse behind DB-API: DDL, then rows staged in portions, then one transaction of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sync.errors import SyncError
from sync.warehouses.changes import Comment, Completion, LoadMode, NotNull, TableChange
from sync.warehouses.contract import Audit, Inspection, Selection, Snapshot, Staged
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.inspection import inspect
from sync.warehouses.dbapi.known import as_definition, bare, completed, with_nullable
from sync.warehouses.dbapi.lease import RowLease
from sync.warehouses.dbapi.staging import StagedTable
from sync.warehouses.dbapi.state import OwnTables, Rejection
from sync.warehouses.positions import MirrorState
from sync.warehouses.schema import ColumnSchema, Schemas, TableName, TableSchema
from sync.warehouses.views import STALE, MadeView, View, ViewState


class DbApiSession:
    """See `contract.Session`."""

    def __init__(
        self,
        dialect: Dialect,
        connection: Any,
        own: OwnTables,
        lease: RowLease,
        run_id: str,
        staged_table: Callable[..., StagedTable] = StagedTable,
    ) -> None:
        self._dialect = dialect
        self._connection = connection
        self._own = own
        self._lease = lease
        self._run_id = run_id
        self._staged_table = staged_table
        self._schemas: dict[TableName, TableSchema] = {}  # of the tables as they are by now
        self._staged: dict[TableName, StagedTable] = {}
        self._rejected: Mapping[TableName, tuple[Any, ...]] = {}
        self._in_transaction = False
        self._granted: str | None = None

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        with self._dialect.errors("production"):
            found = inspect(self._dialect, self._connection, self._own, wanted, role)
            self._connection.commit()
        self._schemas, self._rejected = dict(found.actual), found.rejected
        return found

    def columns_of(self, table: TableName) -> tuple[str, ...] | None:
        with self._errors(table):
            return self._dialect.exists(self._connection, self._dialect.table(table))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._dialect.errors("production"):
            try:
                self._in_transaction = True
                self._dialect.begin(self._connection)
                self._lease.check()
                yield
                self._lease.confirm()
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            finally:
                self._in_transaction = False

    def drop_views(self, known: Mapping[TableName, ViewState]) -> None:
        for name, view in sorted(known.items(), key=lambda item: item[1].is_materialized):
            if view.exists:
                table = self._dialect.table(name)
                drop = (
                    self._dialect.drop_materialized(table) if view.is_materialized else f"DROP VIEW {table}"
                )
                self._define(name, drop)
        with self._dialect.errors("production"):
            for name in known:
                self._own.forget(name)
            self._connection.commit()

    def migrate(self, changes: Sequence[TableChange]) -> None:
        for change in changes:
            for constraint in change.obsolete:
                name = change.schema.name
                drop = self._dialect.drop_constraint(self._dialect.table(name), constraint)
                self._define(name, drop, self._dialect.is_gone)
                kept = [key for key in self._schemas[name].foreign_keys if key.name != constraint]
                self._remember(replace(self._schemas[name], foreign_keys=tuple(kept)))
        for change in changes:
            if change.mode is LoadMode.LOAD:
                self._refuse_strangers(change)
            else:
                self._alter(change)

    def _refuse_strangers(self, change: TableChange) -> None:
        """A table that is loaded anew gives way to its successor: it has to be ours."""
        name = change.schema.name
        with self._errors(name):
            self._own.create_schema(name.schema)
            there = self._dialect.exists(self._connection, self._dialect.table(name)) is not None
            is_ours = not there or name in self._own.definitions(self._own.stored())
        if not is_ours:
            raise _strange(name)

    def _alter(self, change: TableChange) -> None:
        name, table = change.schema.name, self._dialect.table(change.schema.name)
        for column in change.relaxed:
            for statement in self._dialect.drop_not_null(table, column):
                self._define(name, statement)
            self._remember(with_nullable(self._schemas[name], column, nullable=True))
        for added in change.added:
            self._add_column(name, added)

    def _add_column(self, name: TableName, added: ColumnSchema) -> None:
        """It is noted first, and without a position: of a pass that ends before its rows, the next one adds
        the column where it is missing, and compares the table whole. NOT NULL is one of the completions."""
        type_ = self._dialect.types.native_type(name, added)
        if added.name in (self.columns_of(name) or ()):
            what = f"there is a column {added.name} that the platform did not make"
            raise SyncError(f"production, {name}: {what}: rename it")
        had = self._schemas[name]
        wider = replace(had, columns=(*had.columns, added._replace(nullable=True, comment=None)))
        with self._errors(name):
            self._own.store(name, "table", None, 0, self._run_id, as_definition(wider))
            self._connection.commit()
        self._schemas[name] = wider
        self._define(name, self._dialect.add_column(self._dialect.table(name), added.name, type_))

    def stage(self, snapshot: Snapshot, selection: Selection, mode: LoadMode) -> Staged:
        schema = selection.schema
        staged = self._staged_table(
            self._dialect, self._connection, self._own, self._lease, schema, mode, len(self._staged)
        )
        self._staged[schema.name] = staged
        with self._errors(schema.name):
            staged.make()
            received = staged.receive(snapshot.chunks(selection))
            for key in schema.foreign_keys:
                if self._has_rejected(key.parent):
                    staged.reject_orphans(key, self._staged.get(key.parent))
            if mode is LoadMode.LOAD:
                self._put_in_place(staged)
        return Staged(received, len(staged.rejections))

    def _has_rejected(self, parent: TableName) -> bool:
        staged = self._staged.get(parent)
        return bool(staged.rejections if staged else self._rejected.get(parent))

    def _put_in_place(self, staged: StagedTable) -> None:
        """Let what was loaded take the table's place. Until the transaction of rows the table has no
        position, so that a pass which ends here is followed by one that loads it again."""
        schema, table = staged.schema, self._dialect.table(staged.schema.name)
        loaded = bare(schema, self._dialect.not_null_when_made)
        self._own.store(schema.name, "table", None, 0, self._run_id, as_definition(loaded))
        self._connection.commit()
        if self._dialect.exists(self._connection, table) is not None:
            self._own.run(f"DROP TABLE {table}")
            self._connection.commit()
        self._own.run(self._dialect.rename_table(staged.work, schema.name.table))
        self._own.forget_work(staged.work)
        self._connection.commit()
        self._schemas[schema.name] = loaded

    def upsert(self, schema: TableSchema) -> tuple[int, int]:
        with self._errors(schema.name):
            return self._staged[schema.name].upsert()

    def delete(self, schema: TableSchema) -> int:
        with self._errors(schema.name):
            return self._staged[schema.name].delete()

    def audit(self, schema: TableSchema, mode: LoadMode) -> Audit:
        with self._errors(schema.name):
            wrong = 0 if mode is LoadMode.LOAD else self._staged[schema.name].wrong()
            if wrong:
                self._lease.confirm()
            return Audit(wrong, None if mode is LoadMode.CHANGES else self.count(schema.name))

    def store(self, table: TableName, state: MirrorState) -> None:
        rejections: Sequence[Rejection] = self._staged[table].rejections
        definition = as_definition(self._schemas.get(table, self._staged[table].schema))
        with self._errors(table):
            self._own.store(table, "table", str(state.position), state.rows, self._run_id, definition)
            if rejections or self._rejected.get(table):
                self._own.replace_rejected(table, rejections, state.position.batch)

    def complete(self, steps: Sequence[tuple[TableName, Completion]]) -> None:
        for name, of_table in groupby(steps, key=itemgetter(0)):
            schema = self._schemas[name]
            for _, step in of_table:
                for statement in self._dialect.complete(schema, step):
                    self._define(name, statement, self._dialect.is_there)
                schema = completed(schema, step)
                if not isinstance(step, (Comment, NotNull)):  # which can be done again
                    self._remember(schema)
            if schema != self._schemas[name]:
                self._remember(schema)

    def expect_views(self, views: Sequence[View]) -> None:
        for view in views:
            with self._errors(view.name):
                if self._dialect.exists(self._connection, self._dialect.table(view.name)) is not None:
                    raise _strange(view.name)
        self._store_views([MadeView(view, STALE, 0) for view in views], version="")

    def create_view(self, view: View) -> None:
        name = self._dialect.table(view.name)
        with self._errors(view.name):
            self._own.create_schema(view.name.schema)
        if not view.key:
            self._define(view.name, f"CREATE VIEW {name} AS {self._dialect.spoken(view.query)}")
            return
        query = self._dialect.spoken(view.query)
        self._define(view.name, self._dialect.create_materialized(name, query))
        if self._dialect.is_materialized_empty:
            self.refresh_view(view)

    def refresh_view(self, view: View) -> None:
        with self._errors(view.name):
            table, query = self._dialect.table(view.name), self._dialect.spoken(view.query)
            for statement in self._dialect.refresh_materialized(table, query):
                self._own.run(statement)
            self._connection.commit()

    def grant_view(self, view: View, role: str) -> None:
        for statement in self._dialect.grant(view.name, role):
            self._define(view.name, statement)
        self._granted = role

    def count(self, table: TableName) -> int:
        with self._errors(table):
            ((rows,),) = self._own.rows(f"SELECT COUNT(*) FROM {self._dialect.table(table)}")
        return int(rows)

    def store_views(self, made: Sequence[MadeView]) -> None:
        self._store_views(made)

    def _store_views(self, made: Sequence[MadeView], version: str | None = None) -> None:
        for view, inputs, rows in made:
            definition = {
                "version": view.version if version is None else version,
                "inputs": inputs,
                "materialized": bool(view.key),
                "granted": self._granted,
            }
            with self._errors(view.name):
                self._own.store(view.name, "view", None, rows, self._run_id, definition)
        if made and not self._in_transaction:
            with self._dialect.errors("production"):
                self._connection.commit()

    def finish(self) -> None:
        """Drop the work tables of this pass and of those that ended before their time."""
        with self._dialect.errors("production"):
            for table, token in self._own.work():
                if token <= self._lease.token:
                    self._own.drop_work(table)

    def _define(
        self, name: TableName, statement: str, is_done: Callable[[Exception], bool] | None = None
    ) -> None:
        """Run a definition; `is_done` tells the error of one that a pass which was killed has run already."""
        with self._errors(name):
            try:
                self._own.run(statement)
                self._connection.commit()
            except self._dialect.driver_error as error:
                if is_done is None or not is_done(error):
                    raise
                self._connection.rollback()

    def _remember(self, *schemas: TableSchema) -> None:
        """Keep what tables are like by now, beside where they stand."""
        with self._dialect.errors("production"):
            states = self._own.states(self._own.stored())
            for schema in schemas:
                self._schemas[schema.name], state = schema, states.get(schema.name)
                position, rows = (str(state.position), state.rows) if state else (None, 0)
                self._own.store(schema.name, "table", position, rows, self._run_id, as_definition(schema))
            self._connection.commit()

    def _errors(self, table: TableName) -> Any:
        return self._dialect.errors(f"production, {table}")


def _strange(name: TableName) -> SyncError:
    return SyncError(
        f"production, {name}: there is such a table or view that the platform did not make: rename it"
    )
