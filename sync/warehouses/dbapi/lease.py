"""The lease on a warehouse behind DB-API."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sync.errors import LeaseLost, LeaseTaken, TransientError
from sync.table_state import LEASE_WAIT_SECONDS
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.dbapi.state import LEASE, OwnTables

POLL_SECONDS = 0.25


class RowLease:
    """The lease: one row, which the holder of its token alone may update."""

    def __init__(self, own: OwnTables, dialect: Dialect, connection: Any, seconds: float) -> None:
        self._own = own
        self._dialect = dialect
        self._connection = connection
        self._seconds = seconds
        self._holder = str(uuid.uuid4())
        self.token = 0
        self._prolonged: object = None
        self._kept = 0.0

    def take(self, wait_seconds: float = LEASE_WAIT_SECONDS) -> None:
        """Raise the token where nobody holds the lease, or where its holder's time has passed. Raises
        `LeaseTaken` after `wait_seconds`."""
        deadline = time.monotonic() + wait_seconds
        while True:
            self._raise_token()
            token, holder = self._read()
            self._connection.commit()
            if holder == self._holder:
                self.token, self._kept = token, time.monotonic()
                return
            if time.monotonic() > deadline:
                raise LeaseTaken(
                    f"production: another pass ({holder}) holds it and was not done after {wait_seconds:g} s;"
                    f" wait for it or end it"
                )
            time.sleep(POLL_SECONDS)

    @property
    def is_free(self) -> str:
        """The condition of a lease that anybody may take."""
        now = self._dialect.seconds_from_now(0)
        return f"({self._column('holder')} IS NULL OR {self._column('expires_at')} < {now})"

    def _raise_token(self) -> None:
        token = self._column("token")
        self._update(f"{token} = {token} + 1, {self._column('holder')} = '{self._holder}',", self.is_free)

    def check(self) -> None:
        """Prolong the lease, and hold its row to the end of the transaction. Raises `LeaseLost` where a newer
        pass has taken it."""
        self._update("", f"{self._column('token')} = {self.token}")
        if self._read() != (self.token, self._holder):
            raise LeaseLost("production: a newer pass has taken over; this one wrote nothing")
        self._prolonged = self._expiry()

    def keep(self, seconds: float) -> None:
        """Prolong the lease where it was more than so many seconds ago: it costs a commit, or seconds where
        that is a job."""
        if time.monotonic() - self._kept > seconds:
            self.check()
            self._kept = time.monotonic()

    def confirm(self) -> None:
        """See that this is still the transaction of the last `check`. Raises `TransientError` where the
        driver has connected anew by itself, as IBM's does, and what was written before is gone."""
        if self._expiry() != self._prolonged:
            raise TransientError("production: the connection was lost; nothing was committed")

    def _expiry(self) -> object:
        ((expires_at,),) = self._own.rows(
            f"SELECT {self._column('expires_at')} FROM {self._own.name('leases')}"
            f" WHERE {self._column('name')} = '{LEASE}'"
        )
        return expires_at

    def is_held(self) -> bool:
        """Whether no newer pass has taken it, asked in a transaction of its own."""
        self._connection.rollback()
        return self._read() == (self.token, self._holder)

    def leave(self) -> None:
        self._own.run(
            f"UPDATE {self._own.name('leases')} SET {self._column('holder')} = NULL"
            f" WHERE {self._column('name')} = '{LEASE}' AND {self._column('holder')} = '{self._holder}'"
        )
        self._connection.commit()

    def _update(self, assignments: str, condition: str) -> None:
        if lock := self._dialect.lock(self._own.name("leases")):
            self._own.run(lock)
        self._own.run(
            f"UPDATE {self._own.name('leases')} SET {assignments}"
            f" {self._column('expires_at')} = {self._dialect.seconds_from_now(self._seconds)}"
            f" WHERE {self._column('name')} = '{LEASE}' AND {condition}"
        )

    def _read(self) -> tuple[int, str | None]:
        ((token, holder),) = self._own.rows(
            f"SELECT {self._column('token')}, {self._column('holder')} FROM {self._own.name('leases')}"
            f" WHERE {self._column('name')} = '{LEASE}'"
        )
        return int(token), holder

    def _column(self, name: str) -> str:
        return self._dialect.quote(name)
