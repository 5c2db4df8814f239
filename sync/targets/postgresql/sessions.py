"""Connections to the target, kept between uses: opening one takes longer than many a pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sync.connections import postgresql_settings, psycopg
from sync.connections.postgresql import connect_postgresql
from sync.connections.psycopg import Connection
from sync.connections.urls import DatabaseUrl

# Text forms in which values are compared and hashed must not depend on a server's or user's defaults, nor
# what a statement sees or how it fails. What is staged need not survive a crash; the applying transaction
# sets its own durability back. The last setting, new in PostgreSQL 14, makes the server notice within a
# second that a killed pass is gone.
SETTINGS = {
    **postgresql_settings.WRITING,
    **postgresql_settings.PLANNING,
    "extra_float_digits": "1",
    "synchronous_commit": "off",
    "client_connection_check_interval": "1s",
}


class Sessions:
    """Connections in autocommit mode with the settings above, each of them used by one caller at a time."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._idle: list[Connection] = []

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """A connection without temporary tables. It is kept afterwards, unless something failed on it."""
        connection = self._kept() or self._opened()
        try:
            yield connection
            connection.cursor().execute("DISCARD TEMP")
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.cursor().execute("SELECT")
            except (psycopg.OperationalError, psycopg.InterfaceError):  # the server has closed it meanwhile
                connection.close()
            else:
                return connection
        return None

    def _opened(self) -> Connection:
        connection = connect_postgresql(self._url, client_encoding="UTF8")
        postgresql_settings.apply(connection, SETTINGS)
        return connection
