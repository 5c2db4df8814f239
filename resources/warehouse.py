"""The production warehouse, of the system that the scheme of its URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
from psycopg2.extensions import connection as Connection
from pydantic import Field

from sync.connections import connect_to_write
from sync.systems import open_target, open_warehouse
from sync.targets.base import Target
from sync.warehouses.contract import Warehouse


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Production, which the platform owns."""

    url: str = Field(description="postgresql://user:password@host:port/database, from the environment")

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The warehouse as staging is mirrored into it; connects when it is used.

        Raises `SyncError` for a scheme that no warehouse has.
        """
        with closing(open_warehouse(self.url)) as warehouse:
            yield warehouse

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection to production on PostgreSQL, in autocommit mode."""
        with closing(connect_to_write(self.url)) as connection:
            yield connection

    @contextmanager
    def target(self) -> Iterator[Target]:
        """The warehouse as tables of a source are synced straight into it; connects when it is used."""
        with closing(open_target(self.url)) as target:
            yield target
