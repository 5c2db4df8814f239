"""PostgreSQL: staging, and what is synced straight into production where that is PostgreSQL too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
from pydantic import Field

from sync.connections.postgresql import connect_to_write
from sync.connections.psycopg import Connection
from sync.targets.postgresql.target import PostgreSQLTarget
from sync.warehouses.postgresql.staging import PostgreSQLStaging


class PostgreSQLResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One PostgreSQL database that the platform owns."""

    url: str = Field(description="postgresql://user:password@host:port/database, from the environment")

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in autocommit mode that is closed at the end.

        Raises `sync.errors.TransientError` when the server cannot be reached now, `SyncError` when it
        refuses.
        """
        with closing(connect_to_write(self.url)) as connection:
            yield connection

    @contextmanager
    def snapshots(self) -> Iterator[PostgreSQLStaging]:
        """The database as the mirror and the verification read it."""
        with self.connect() as connection:
            yield PostgreSQLStaging(connection)

    @contextmanager
    def target(self) -> Iterator[PostgreSQLTarget]:
        """The database as rows are synced into it; connects when it is used."""
        with closing(PostgreSQLTarget(self.url)) as target:
            yield target
