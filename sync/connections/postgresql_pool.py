"""Connection pools in front of PostgreSQL, such as pgbouncer.

Advisory locks, temporary tables and settings belong to one process of the server. A pool in session mode
keeps one for each connection and changes nothing. One in transaction mode may hand each transaction to
another process: a lease protects nothing then, and rows end in another table. It is refused where it shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from select import select
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE, TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from sync.errors import SyncError

SHARED = (
    "its connections lead through a pool in transaction mode (pgbouncer's pool_mode=transaction, Supabase's"
    " port 6543), which hands each transaction to another process of the server: locks, temporary tables and"
    " settings are lost between two of them. Name the server itself in the URL, or a pool with"
    " pool_mode=session"
)
PID = "SELECT pg_backend_pid()"
ATTEMPTS = 8
PATIENCE_SECONDS = 2.0  # for a second connection, which a pool may not have room for


def pin(connection: Connection, where: str, connect_again: Callable[..., Connection]) -> None:
    """Make sure that all statements of a new connection in autocommit mode go to one process of the server.

    Which process answers is known to the driver from the greeting; a pool greets with a number of its own.
    `connect_again` opens the same connection with further arguments of psycopg2's; `where` begins the message
    of the `SyncError` that is raised for a pool in transaction mode, here or by a later statement.
    """
    pid = server_pid(connection.cursor())
    if pid == connection.info.backend_pid:
        return
    if _is_shared(connection, pid, connect_again):
        raise SyncError(f"{where}: {SHARED}")
    # It may have kept the process for us by chance: from now on each transaction looks again.
    connection.cursor_factory = partial(PinnedCursor, pid=pid, where=where)


def server_pid(cursor: Cursor) -> int:
    """The process of the server that answers."""
    cursor.execute(PID)
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _is_shared(connection: Connection, pid: int, connect_again: Callable[..., Connection]) -> bool:
    """Whether a second connection meets the process of the first one, or that one meets another process."""
    with suppress(psycopg2.Error), closing(connect_again(async_=True)) as other:
        deadline = time.monotonic() + PATIENCE_SECONDS
        if not _answered(other, deadline):
            return False
        with other.cursor() as cursor:
            for _ in range(ATTEMPTS):
                cursor.execute(PID)
                if not _answered(other, deadline):
                    return False
                if cursor.fetchone() == (pid,) or server_pid(connection.cursor()) != pid:
                    return True
    return False


def _answered(connection: Connection, deadline: float) -> bool:
    """Whether an asynchronous connection is done with what it was asked before a deadline."""
    while (state := connection.poll()) != POLL_OK:
        stream, left = connection.fileno(), max(0.0, deadline - time.monotonic())
        if not any(select([stream], [stream] if state == POLL_WRITE else [], [], left)):
            return False
    return True


class PinnedCursor(Cursor):
    """One of a connection through a pool: no statement reaches another process of the server than `pid`."""

    def __init__(self, *args: Any, pid: int, where: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pid = pid
        self._where = where

    def execute(self, query: Any, vars: Any = None) -> None:
        if isinstance(query, str) and query.startswith("BEGIN"):
            super().execute(query, vars)
            try:
                self._compare(Cursor(self.connection))
            except SyncError:
                super().execute("ROLLBACK")
                raise
            return
        with self._pinned():
            super().execute(query, vars)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        with self._pinned():
            super().copy_expert(sql, file, size)

    @contextmanager
    def _pinned(self) -> Iterator[None]:
        """Compare the process in the transaction that the block's statement belongs to, or is."""
        if self.connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
            yield
            return
        other = Cursor(self.connection)
        other.execute(PID)  # in a block `with connection:` this begins its transaction
        alone = self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE
        if alone:
            other.execute("BEGIN")
        try:
            self._compare(other)
            yield
        except BaseException:
            if alone and not self.connection.closed:
                with suppress(psycopg2.Error):
                    other.execute("ROLLBACK")
            raise
        if alone:
            other.execute("COMMIT")

    def _compare(self, other: Cursor) -> None:
        if server_pid(other) != self._pid:
            raise SyncError(f"{self._where}: {SHARED}")
