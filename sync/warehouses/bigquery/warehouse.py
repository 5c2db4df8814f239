"""BigQuery as a production warehouse, from its URL and its settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from sync.errors import SyncError
from sync.warehouses.bigquery.connection import BigQueryError
from sync.warehouses.bigquery.dialect import CONFLICT, LOST, BigQueryDialect
from sync.warehouses.bigquery.emulator import EmulatorDialect
from sync.warehouses.bigquery.layout import load_layouts
from sync.warehouses.bigquery.staging import LoadedTable
from sync.warehouses.bigquery.url import settings
from sync.warehouses.changes import Comment, Completion, LoadMode, TableChange
from sync.warehouses.contract import Audit
from sync.warehouses.dbapi.known import as_definition, completed
from sync.warehouses.dbapi.lease import RowLease
from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.dbapi.staging import StagedTable
from sync.warehouses.dbapi.state import LEASE
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from sync.warehouses.schema import TableName, TableSchema
from sync.warehouses.stage.store import VARIABLE, ObjectStage

LEASE_SECONDS = 120.0  # a load job may wait for its turn


class ScriptLease(RowLease):
    """The lease, whose prolongation fails in the server where a newer pass has taken over: as the first
    statement of a script it is the fence of all others."""

    def _raise_token(self) -> None:
        """Look first: an UPDATE that changes nothing is in the way of the holder's transaction too."""
        row = f"{self._own.name('leases')} WHERE {self._column('name')} = '{LEASE}'"
        if not self._own.rows(f"SELECT 1 FROM {row} AND {self.is_free}"):
            return
        super()._raise_token()
        try:
            self._connection.commit()
        except BigQueryError as error:
            if not CONFLICT.search(str(error)):
                raise  # else somebody else was faster

    def check(self) -> None:
        token, holder = self._column("token"), self._column("holder")
        mine = f"{token} = {self.token} AND {holder} = '{self._holder}'"
        lost = self._dialect.literal(LOST)
        self._update(f"{token} = IF(COALESCE({mine}, FALSE), {token}, ERROR({lost})),", "TRUE")
        if not self._connection.holds:
            self._connection.commit()

    def confirm(self) -> None:
        """There is nothing to lose before the script is sent."""


class ScriptSession(DbApiSession):
    """See `contract.Session`. The transaction of rows is one script, which audits itself."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._loaded: Mapping[TableName, int] = {}

    def migrate(self, changes: Sequence[TableChange]) -> None:
        """One job says of all tables that are to be loaded anew that they are ours. What is kept of one has
        no key until the transaction of rows, so that a pass which ends before is followed by one that loads
        it again."""
        super().migrate(changes)
        with self._dialect.errors("production"):
            for change in changes:
                if change.mode is LoadMode.LOAD:
                    unfinished = as_definition(TableSchema(change.schema.name, (), ()))
                    self._own.store(change.schema.name, "table", None, 0, self._run_id, unfinished)
            self._connection.commit()

    def _put_in_place(self, staged: StagedTable) -> None:
        assert isinstance(staged, LoadedTable) and isinstance(self._dialect, BigQueryDialect)
        loaded = replace(staged.schema, foreign_keys=())
        self._own.run(self._dialect.replace_table(loaded, staged.live()))
        self._schemas[loaded.name] = loaded

    def audit(self, schema: TableSchema, mode: LoadMode) -> Audit:
        staged = self._staged[schema.name]
        assert isinstance(staged, LoadedTable)
        with self._errors(schema.name):
            if mode is LoadMode.LOAD:
                return Audit(0, self._loaded_rows()[schema.name])
            rows = None if mode is LoadMode.CHANGES else self.count(schema.name)
            staged.demand(rows)
            return Audit(0, rows)

    def _loaded_rows(self) -> Mapping[TableName, int]:
        """The rows of each table that was loaded anew, by one question."""
        if not self._loaded:
            loaded = {str(name): name for name, staged in self._staged.items() if staged.is_new}
            counts = " UNION ALL ".join(
                f"SELECT {self._dialect.literal(said)}, COUNT(*) FROM {self._dialect.table(name)}"
                for said, name in loaded.items()
            )
            self._loaded = {loaded[said]: int(rows) for said, rows in self._own.rows(counts)}
        return self._loaded

    def count(self, table: TableName) -> int:
        """As many as there will be once the script is done."""
        staged = self._staged.get(table) if self._in_transaction else None
        return super().count(table) + (staged.growth if isinstance(staged, LoadedTable) else 0)

    def complete(self, steps: Sequence[tuple[TableName, Completion]]) -> None:
        """Table by table: BigQuery counts the changes of each. All that is done here can be done again, so
        that one job keeps what came of it."""
        done = []
        for name in dict.fromkeys(name for name, _ in steps):
            schema, comments = self._schemas[name], dict[str | None, str | None]()
            for step in (step for table, step in steps if table == name):
                if isinstance(step, Comment):
                    comments[step.column] = step.text
                for statement in self._dialect.complete(schema, step):
                    self._define(name, statement, self._dialect.is_there)
                schema = completed(schema, step)
            if comments:
                with self._errors(name):
                    self._connection.describe(self._dialect.table(name), comments)
            done.append(schema)
        if done:
            self._remember(*done)

    def finish(self) -> None:
        """Drop the work tables of this pass; those of one that was killed go by themselves."""
        super().finish()
        with self._dialect.errors("production"):
            for staged in self._staged.values():
                assert isinstance(staged, LoadedTable)
                staged.drop()


class BigQueryWarehouse(DbApiWarehouse):
    """See `contract.Warehouse`. Rows come by way of the object store, or from here where there is none."""

    leases = ScriptLease
    sessions = ScriptSession

    def __init__(
        self, dialect: BigQueryDialect, stage: ObjectStage | None, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        super().__init__(dialect, lease_seconds, partial(LoadedTable, stage=stage))
        self._stage = stage

    @contextmanager
    def session(self, run_id: str) -> Iterator[DbApiSession]:
        with super().session(run_id) as session:
            yield session
        if self._stage:
            self._stage.clean()


def open_bigquery(url: str, lease_seconds: float = LEASE_SECONDS) -> BigQueryWarehouse:
    """The warehouse of a URL. Raises `SyncError` where the settings of the object store do not fit."""
    stage = ObjectStage.from_environment() if os.environ.get(VARIABLE) else None
    kind = EmulatorDialect if settings(url).endpoint else BigQueryDialect
    if stage and stage.place.scheme != "gs":
        raise SyncError(
            f"{VARIABLE} is {stage.place.root}: BigQuery loads from gs://bucket/prefix, or where the setting"
            f" is empty from this machine"
        )
    return BigQueryWarehouse(kind(url, load_layouts()), stage, lease_seconds)
