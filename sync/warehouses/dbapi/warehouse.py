"""A production warehouse behind DB-API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from sync.errors import LeaseLost, SyncError, TransientError
from sync.warehouses.contract import Capabilities, Inspection
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.inspection import inspect
from sync.warehouses.dbapi.lease import RowLease
from sync.warehouses.dbapi.reader import DbApiReader
from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.dbapi.staging import StagedTable
from sync.warehouses.dbapi.state import OwnTables
from sync.warehouses.schema import Schemas

# How long a pass may take for one portion of rows before another one may take its lease, less than that one
# waits. It waits for the end of a transaction of rows too, and whoever lost the lease writes nothing.
LEASE_SECONDS = 45.0


class DbApiWarehouse:
    """See `contract.Warehouse`. A connection on which something failed is not used again. `staged_table`
    makes what brings a table's rows beside it, where that is not by INSERT; `leases` and `sessions` are the
    classes of a pass's lease and session."""

    leases: ClassVar[type[RowLease]] = RowLease
    sessions: ClassVar[type[DbApiSession]] = DbApiSession

    def __init__(
        self,
        dialect: Dialect,
        lease_seconds: float = LEASE_SECONDS,
        staged_table: Callable[..., StagedTable] = StagedTable,
    ) -> None:
        self._dialect = dialect
        self._lease_seconds = lease_seconds
        self._staged_table = staged_table
        self._opened: Any = None

    @property
    def system(self) -> str:
        return self._dialect.system

    @property
    def capabilities(self) -> Capabilities:
        return self._dialect.capabilities

    def inspect(self, wanted: Schemas, role: str | None) -> Inspection:
        with self._connection() as connection:
            own = OwnTables(self._dialect, connection)
            own.prepare()
            found = inspect(self._dialect, connection, own, wanted, role)
            connection.rollback()
            return found

    @contextmanager
    def session(self, run_id: str) -> Iterator[DbApiSession]:
        with self._connection() as connection:
            own = OwnTables(self._dialect, connection)
            own.prepare()
            lease = self.leases(own, self._dialect, connection, self._lease_seconds)
            lease.take()
            try:
                session = self.sessions(self._dialect, connection, own, lease, run_id, self._staged_table)
                session.finish()
                yield session
                session.finish()
            except SyncError as error:
                self._blame(lease, error)
                raise
            finally:
                # Where the connection is gone, the lease ends by itself.
                with suppress(self._dialect.driver_error):
                    connection.rollback()
                    lease.leave()

    def _blame(self, lease: RowLease, error: SyncError) -> None:
        """Raise `LeaseLost` for what failed since a newer pass took over, which drops the work tables of this
        one."""
        if isinstance(error, (LeaseLost, TransientError)):
            return
        with suppress(self._dialect.driver_error):
            if not lease.is_held():
                raise LeaseLost(
                    f"production: a newer pass has taken over, on which this one failed: {error}"
                ) from error

    @contextmanager
    def reader(self) -> Iterator[DbApiReader]:
        with self._connection() as connection:
            reader = DbApiReader(self._dialect, connection, OwnTables(self._dialect, connection))
            try:
                yield reader
            finally:
                reader.close()

    def quote(self, name: str) -> str:
        return self._dialect.quote(name)

    def close(self) -> None:
        if self._opened is not None:
            with suppress(self._dialect.driver_error):
                self._opened.close()
            self._opened = None

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with self._dialect.errors("production"):
            if self._opened is None:
                self._opened = self._dialect.connect()
            try:
                yield self._opened
            except BaseException:
                self.close()
                raise
