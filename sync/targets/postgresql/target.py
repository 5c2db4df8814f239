"""PostgreSQL as a target: the staging database's raw tables, and tables in the warehouse that are adopted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sync.connections.postgresql import postgresql_errors
from sync.connections.psycopg import Connection, Cursor
from sync.connections.urls import parse
from sync.errors import SyncError, TransientError
from sync.spec import Table
from sync.state import is_prepared, lease, prepare, read_states, retry_rejected
from sync.table_state import LEASE_WAIT_SECONDS, TableState
from sync.targets.base import Applied, Extent, Load, Moment, RejectedRow
from sync.targets.postgresql import quarantine
from sync.targets.postgresql.catalog import is_empty, is_table
from sync.targets.postgresql.dry_run import Before, forget_leases, look, withdraw
from sync.targets.postgresql.load import PostgreSQLLoad
from sync.targets.postgresql.names import stored_name
from sync.targets.postgresql.sessions import Sessions


class PostgreSQLTarget:
    """A PostgreSQL database (14 or newer is recommended). A load has a connection for itself, which holds its
    lease and its temporary tables; afterwards the next load may have it."""

    system = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._sessions = Sessions(self._url)
        self._prepared = False

    def __repr__(self) -> str:
        return f"PostgreSQLTarget({self._url})"

    @contextmanager
    def load(
        self, table: Table, wait_seconds: float = LEASE_WAIT_SECONDS, dry_run: bool = False
    ) -> Iterator[PostgreSQLLoad]:
        with self.batch([table], wait_seconds, dry_run) as batch:
            yield batch.loads[0]

    @contextmanager
    def batch(
        self, tables: Sequence[Table], wait_seconds: float = LEASE_WAIT_SECONDS, dry_run: bool = False
    ) -> Iterator[PostgreSQLBatch]:
        names = ", ".join(table.qualified for table in tables)
        with (
            postgresql_errors(f"{names} in {self._url}"),
            self._sessions.use() as connection,
            ExitStack() as held,
        ):
            if dry_run:
                before = look(connection, {stored_name(table.schema) for table in tables})
                held.callback(self._withdraw, connection, before)
            if not self._prepared:
                prepare(connection, schemas=())
                self._prepared = True
            # In one order, or two passes could wait for each other.
            leases = {
                table: held.enter_context(lease(connection, table.qualified, wait_seconds))
                for table in sorted(tables, key=lambda table: table.qualified)
            }
            loads = [
                PostgreSQLLoad(connection, table, leases[table], number, dry_run)
                for number, table in enumerate(tables)
            ]
            for load in loads:
                held.callback(load.leave)
            if dry_run:
                held.callback(self._discard, connection, loads)
            yield PostgreSQLBatch(connection, loads)

    def _discard(self, connection: Connection, loads: Sequence[PostgreSQLLoad]) -> None:
        for load in loads:
            load.discard()
        forget_leases(connection, [load.name for load in loads])

    def _withdraw(self, connection: Connection, before: Before) -> None:
        withdraw(connection, before)
        self._prepared = False

    def states(self) -> dict[tuple[str, str], TableState]:
        with self._own_tables() as cursor:
            return read_states(cursor) if cursor else {}

    def emptied(self) -> set[tuple[str, str]]:
        with self._own_tables() as cursor:
            if cursor is None:
                return set()
            return {
                place
                for place, state in read_states(cursor).items()
                if state.rows and (not is_table(cursor, *place) or is_empty(cursor, *place))
            }

    def rejected(self, limit: int) -> list[RejectedRow]:
        with self._own_tables() as cursor:
            return quarantine.newest(cursor, limit) if cursor else []

    def retry_rejected(self) -> list[tuple[str, str]]:
        with self._own_tables() as cursor:
            return retry_rejected(cursor) if cursor else []

    @contextmanager
    def _own_tables(self) -> Iterator[Cursor | None]:
        """A cursor for the engine's own tables, None where the database has none yet: who looks at it makes
        none."""
        with postgresql_errors(str(self._url)), self._sessions.use() as connection:
            cursor = connection.cursor()
            if not is_prepared(cursor):
                yield None
                return
            prepare(connection, schemas=())
            yield cursor

    def close(self) -> None:
        self._sessions.close()


class PostgreSQLBatch:
    """Passes into several tables on one connection; see `targets.base.Batch`."""

    def __init__(self, connection: Connection, loads: Sequence[PostgreSQLLoad]) -> None:
        self._connection = connection
        self.loads = loads

    def apply(
        self, staged: Sequence[tuple[Load, Moment, Extent]], dry_run: bool = False, name_differing: int = 0
    ) -> list[Applied | SyncError]:
        failed: dict[int, SyncError] = {}
        for load, _, extent in staged:
            self._own(load).prepare(extent)
        while True:
            wanted = [number for number in range(len(staged)) if number not in failed]
            applied, wrong = self._try([staged[number] for number in wanted], dry_run, name_differing)
            if wrong is None:
                break
            failed[wanted[len(applied)]] = wrong
        for load, _, _ in staged:
            self._own(load).finish()
        answers = iter(applied)
        return [failed.get(number) or next(answers) for number in range(len(staged))]

    def _try(
        self, staged: Sequence[tuple[Load, Moment, Extent]], dry_run: bool, name_differing: int
    ) -> tuple[list[Applied], SyncError | None]:
        """One transaction over these loads; what was applied until one failed, and how it did."""
        applied: list[Applied] = []
        try:
            with self._connection:
                for load, moment, extent in staged:
                    with postgresql_errors(self._own(load).name):
                        applied.append(self._own(load).write(moment, extent, name_differing))
                if dry_run:
                    self._connection.rollback()
        except TransientError:
            raise
        except SyncError as error:
            return applied, error
        return applied, None

    def _own(self, load: Load) -> PostgreSQLLoad:
        return next(own for own in self.loads if own is load)
