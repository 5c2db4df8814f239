"""Snowflake as a production warehouse, from its URL and its settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.dbapi.warehouse import LEASE_SECONDS, DbApiWarehouse
from sync.warehouses.snowflake.dialect import SnowflakeDialect
from sync.warehouses.snowflake.load import clean
from sync.warehouses.stage.store import kept_hours


class SnowflakeWarehouse(DbApiWarehouse):
    """See `contract.Warehouse`. Files that killed passes left in the stage are taken away after a pass, when
    they are `hours` old."""

    def __init__(self, dialect: SnowflakeDialect, hours: int, lease_seconds: float = LEASE_SECONDS) -> None:
        super().__init__(dialect, lease_seconds)
        self._stages = dialect
        self._hours = hours

    @contextmanager
    def session(self, run_id: str) -> Iterator[DbApiSession]:
        with super().session(run_id) as session:
            yield session
        if self._stages.stage:
            with self._connection() as connection:
                cursor = connection.cursor()
                clean(cursor, self._stages.stage, datetime.now(UTC) - timedelta(hours=self._hours))
                cursor.close()


def open_snowflake(url: str, lease_seconds: float = LEASE_SECONDS) -> SnowflakeWarehouse:
    """The warehouse of a URL. Raises `SyncError` for a setting that means nothing."""
    return SnowflakeWarehouse(SnowflakeDialect(url), kept_hours(os.environ), lease_seconds)
