"""Production on PostgreSQL: everything that a pass does is one transaction, its rows come by COPY's pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync import state
from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import sql
from sync.table_state import LEASE_WAIT_SECONDS, TableState
from sync.warehouses.changes import Completion, LoadMode, TableChange
from sync.warehouses.contract import Audit, Capabilities, Hashing, Inspection, Selection, Snapshot, Staged
from sync.warehouses.positions import MirrorState
from sync.warehouses.postgresql import migrate, rows, views
from sync.warehouses.postgresql.catalog import identifier, read_schemas
from sync.warehouses.postgresql.reader import STRATEGY, PostgreSQLReader, read_states
from sync.warehouses.postgresql.sessions import transaction
from sync.warehouses.schema import Schemas, TableName, TableSchema
from sync.warehouses.views import MadeView, View, ViewState

if TYPE_CHECKING:
    from sync.connections.psycopg import Connection, Cursor

LEASE = "production"


class PostgreSQLWarehouse:
    """See `contract.Warehouse`; `connect` opens a connection in autocommit mode, when it is first used."""

    system = "postgresql"
    capabilities = Capabilities(
        transactional_ddl=True,
        retypes_in_place=True,
        enforces_keys=True,
        materialized_views=True,
        hashing=Hashing.RECORD,
        key_ranges=True,
    )

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._opened: Connection | None = None

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        self._prepare()
        with transaction(self._connection, "production") as cursor:
            return _inspect(cursor, wanted, role)

    @contextmanager
    def session(self, run_id: str) -> Iterator[PostgreSQLSession]:
        self._prepare()
        with postgresql_errors("production"), state.lease(self._connection, LEASE) as lease:
            yield PostgreSQLSession(self._connection, lease, run_id)

    @contextmanager
    def reader(self) -> Iterator[PostgreSQLReader]:
        with transaction(self._connection, "production", snapshot=True) as cursor:
            yield PostgreSQLReader(cursor)

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _connection(self) -> Connection:
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    def _prepare(self) -> None:
        with postgresql_errors("production"):
            state.prepare(self._connection, schemas=())


class PostgreSQLSession:
    """See `contract.Session`; every call comes within its one transaction."""

    _cursor: Cursor

    def __init__(self, connection: Connection, lease: state.Lease, run_id: str) -> None:
        self._connection = connection
        self._lease = lease
        self._run_id = run_id
        self._beside: dict[TableName, sql.Identifier] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with transaction(self._connection, "production") as cursor:
            self._lease.check(cursor)
            # Somebody's long query must not keep a change of a table's schema waiting without end.
            wait = f"{LEASE_WAIT_SECONDS:g}s"
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
            self._cursor = cursor
            yield

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        with postgresql_errors("production"):
            return _inspect(self._cursor, wanted, role)

    def columns_of(self, table: TableName) -> tuple[str, ...] | None:
        with _errors(table):
            found = read_schemas(self._cursor, [table]).get(table)
        return found.column_names if found else None

    def drop_views(self, known: Mapping[TableName, ViewState]) -> None:
        with postgresql_errors("production, views"):
            views.drop_all(self._cursor, known)

    def migrate(self, changes: Sequence[TableChange]) -> None:
        for step in (migrate.drop_obsolete_references, migrate.prepare):
            for change in changes:
                with _errors(change.schema.name):
                    step(self._cursor, change)

    def stage(self, snapshot: Snapshot, selection: Selection, mode: LoadMode) -> Staged:
        name = selection.schema.name
        with _errors(name):
            if mode is LoadMode.LOAD:
                return Staged(rows.load(snapshot, self._cursor, selection))
            beside = self._beside[name] = sql.Identifier("pg_temp", f"incoming_{len(self._beside)}")
            receive = rows.receive_differences if mode is LoadMode.COMPARISON else rows.receive_changes
            return Staged(receive(snapshot, self._cursor, selection, beside))

    def upsert(self, schema: TableSchema) -> tuple[int, int]:
        with _errors(schema.name):
            return rows.upsert(self._cursor, schema, self._beside[schema.name])

    def delete(self, schema: TableSchema) -> int:
        with _errors(schema.name):
            return rows.delete(self._cursor, schema, self._beside[schema.name])

    def audit(self, schema: TableSchema, mode: LoadMode) -> Audit:
        with _errors(schema.name):
            return rows.audit(
                self._cursor, schema, self._beside.get(schema.name), count=mode is not LoadMode.CHANGES
            )

    def store(self, table: TableName, mirrored: MirrorState) -> None:
        stored = TableState(
            source="staging",
            strategy=STRATEGY,
            position=str(mirrored.position),
            batch=mirrored.position.batch,
            run_id=self._run_id,
            rows=mirrored.rows,
            quarantined=0,
            synced_at=datetime.now(UTC),
        )
        with _errors(table):
            state.write_state(self._cursor, table.schema, table.table, stored)

    def complete(self, steps: Sequence[tuple[TableName, Completion]]) -> None:
        for name, step in steps:
            with _errors(name):
                self._cursor.execute(migrate.completion(step, name))

    def expect_views(self, views: Sequence[View]) -> None:
        """A pass that is killed leaves none."""

    def create_view(self, view: View) -> None:
        with _errors(view.name):
            views.create(self._cursor, view)

    def refresh_view(self, view: View) -> None:
        with _errors(view.name):
            views.refresh(self._cursor, view)

    def grant_view(self, view: View, role: str) -> None:
        with _errors(view.name):
            views.grant(self._cursor, view, role)

    def count(self, table: TableName) -> int:
        with _errors(table):
            self._cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(identifier(table)))
            ((found,),) = self._cursor.fetchall()
        return int(found)

    def store_views(self, made: Sequence[MadeView]) -> None:
        for view in made:
            with _errors(view.view.name):
                views.store(self._cursor, *view, self._run_id)


def _inspect(cursor: Cursor, wanted: Schemas, role: str | None) -> Inspection:
    cursor.execute("SELECT id::text FROM sync.identity")
    ((identity,),) = cursor.fetchall()
    return Inspection(
        identity=identity,
        actual=read_schemas(cursor, wanted),
        states=read_states(cursor),
        views=views.read_states(cursor, role),
        has_role=views.role_exists(cursor, role),
        rejected={},
    )


def _errors(table: TableName) -> AbstractContextManager[None]:
    return postgresql_errors(f"production, {table}")
