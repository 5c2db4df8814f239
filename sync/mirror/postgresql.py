"""Production on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg2 import sql

from sync import state
from sync.connections import postgresql_errors
from sync.mirror import evolve, rows, views
from sync.mirror.evolve import Evolution, Reception
from sync.mirror.form import TableForm, TableName, read_forms
from sync.mirror.positions import STRATEGY, Position, Standing, read_production
from sync.mirror.sessions import transaction
from sync.mirror.views import View, ViewResult, ViewState
from sync.mirror.warehouse import Condition

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

LEASE = "production"


class PostgreSQLWarehouse:
    """A production warehouse on PostgreSQL: a connection in autocommit mode, the views it has to offer, and
    the role that may read the plain ones; a role that the server does not have gets nothing."""

    def __init__(self, connection: Connection, views: Sequence[View] = (), role: str | None = None) -> None:
        self._connection = connection
        self._views = views
        self._role = role

    def look(self, wanted: Mapping[TableName, TableForm]) -> Condition:
        """See `Warehouse.look`."""
        with postgresql_errors("production"):
            state.prepare(self._connection, schemas=())
        with transaction(self._connection, "production") as cursor:
            return _PostgreSQLPassage(cursor, self._views, self._role, run_id="").condition(wanted)

    @contextmanager
    def passage(self, run_id: str) -> Iterator[_PostgreSQLPassage]:
        """See `Warehouse.passage`."""
        with postgresql_errors("production"):
            state.prepare(self._connection, schemas=())
            with (
                state.lease(self._connection, LEASE) as lease,
                transaction(self._connection, "production") as cursor,
            ):
                lease.check(cursor)
                # Somebody's long query must not keep a change of a table's form waiting without end.
                wait = f"{state.LEASE_WAIT_SECONDS:g}s"
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [wait])
                yield _PostgreSQLPassage(cursor, self._views, self._role, run_id)


class _PostgreSQLPassage:
    def __init__(self, cursor: Cursor, views: Sequence[View], role: str | None, run_id: str) -> None:
        self._cursor = cursor
        self._views = views
        self._role = role
        self._run_id = run_id
        self._view_states: dict[TableName, ViewState] = {}
        self._beside: dict[TableName, sql.Identifier] = {}

    def condition(self, wanted: Mapping[TableName, TableForm]) -> Condition:
        with postgresql_errors("production"):
            return self._condition(wanted)

    def prepare(self, evolutions: Sequence[Evolution]) -> None:
        disrupted = any(change.disrupts_views for change in evolutions)
        if disrupted or not views.same_definitions(self._views, self._view_states):
            with postgresql_errors("production, views"):
                views.drop_all(self._cursor, self._view_states)
            self._view_states = {}
        for step in (evolve.drop_obsolete_references, evolve.prepare):
            for change in evolutions:
                with _errors(change.form.name):
                    step(self._cursor, change)

    def receive(self, staging: Cursor, form: TableForm, reception: Reception, above: int) -> int:
        beside = self._beside[form.name] = sql.Identifier("pg_temp", f"incoming_{len(self._beside)}")
        with _errors(form.name):
            if reception is Reception.LOAD:
                return rows.load(staging, self._cursor, form)
            if reception is Reception.COMPARISON:
                return rows.receive_differences(staging, self._cursor, form, beside)
            return rows.receive_changes(staging, self._cursor, form, above, beside)

    def upsert(self, form: TableForm) -> tuple[int, int]:
        with _errors(form.name):
            return rows.upsert(self._cursor, form, self._beside[form.name])

    def delete(self, form: TableForm) -> int:
        with _errors(form.name):
            return rows.delete(self._cursor, form, self._beside[form.name])

    def complete(self, wanted: Mapping[TableName, TableForm]) -> None:
        for name, statement in evolve.completions(wanted, read_forms(self._cursor, wanted)):
            with _errors(name):
                self._cursor.execute(statement)

    def store(self, table: TableName, standing: Standing) -> None:
        stored = state.TableState(
            source="staging",
            strategy=STRATEGY,
            position=str(standing.position),
            batch=standing.position.batch,
            run_id=self._run_id,
            rows=standing.rows,
            quarantined=0,
            synced_at=datetime.now(UTC),
        )
        with _errors(table):
            state.write_state(self._cursor, table.schema, table.table, stored)

    def publish(
        self, positions: Mapping[TableName, Position], written: Collection[TableName]
    ) -> list[ViewResult]:
        with postgresql_errors("production, views"):
            role = self._role if views.role_exists(self._cursor, self._role) else None
            return views.publish(
                self._cursor, self._views, self._view_states, positions, written, role, self._run_id
            )

    def _condition(self, wanted: Mapping[TableName, TableForm]) -> Condition:
        actual = read_forms(self._cursor, wanted)
        evolutions = {change.form.name: change for change in evolve.evolutions(wanted, actual)}
        self._view_states = views.read_states(self._cursor, self._role)
        standings = read_production(self._cursor)
        positions = {name: standing.position for name, standing in standings.items()}
        current = views.same_definitions(self._views, self._view_states) and all(
            views.is_current(view, self._view_states[view.name], positions) for view in self._views
        )
        notes = []
        if self._role and not views.role_exists(self._cursor, self._role):
            notes = [
                f"production has no role {self._role}: create it, and the next pass lets it read the views"
            ]
        self._cursor.execute("SELECT id::text FROM sync.identity")
        ((identity,),) = self._cursor.fetchall()
        return Condition(
            identity=identity,
            evolutions=evolutions,
            standings=standings,
            complete=current and not any(evolutions.values()) and not evolve.completions(wanted, actual),
            views=[
                ViewResult(name, created=False, refreshed=False, rows=known.rows)
                for name, known in self._view_states.items()
            ],
            notes=notes,
        )


def _errors(table: TableName) -> AbstractContextManager[None]:
    return postgresql_errors(f"production, {table}")
