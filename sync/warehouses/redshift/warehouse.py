"""Redshift as a production warehouse, from its URL and its settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from sync.errors import SyncError
from sync.warehouses.dbapi.session import DbApiSession
from sync.warehouses.dbapi.warehouse import LEASE_SECONDS, DbApiWarehouse
from sync.warehouses.redshift.dialect import RedshiftDialect
from sync.warehouses.redshift.layout import load_layouts
from sync.warehouses.redshift.staging import FiledTable
from sync.warehouses.schema import TableName
from sync.warehouses.stage.store import VARIABLE, ObjectStage

ROLE_VARIABLE, REGION_VARIABLE = "SOFTCART_REDSHIFT_IAM_ROLE", "SOFTCART_REDSHIFT_REGION"


class RedshiftWarehouse(DbApiWarehouse):
    """See `contract.Warehouse`. Files of loads that are old enough are taken away at the end of a pass."""

    def __init__(
        self, dialect: RedshiftDialect, stage: ObjectStage, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        staged = partial(
            FiledTable,
            stage=stage,
            role=os.environ.get(ROLE_VARIABLE) or "default",
            layouts=load_layouts(),
            region=os.environ.get(REGION_VARIABLE, ""),
        )
        super().__init__(dialect, lease_seconds, staged)
        self._stage = stage

    @contextmanager
    def session(self, run_id: str) -> Iterator[DbApiSession]:
        with super().session(run_id) as session:
            yield session
        self._stage.clean()


def open_redshift(url: str, lease_seconds: float = LEASE_SECONDS) -> RedshiftWarehouse:
    """The warehouse of a URL. Raises `SyncError` where the settings of the object store do not fit."""
    stage = ObjectStage.from_environment()
    if stage.place.scheme != "s3":
        raise SyncError(f"{VARIABLE} is {stage.place.root}: Redshift loads from s3://bucket/prefix alone")
    return RedshiftWarehouse(RedshiftDialect(url), stage, lease_seconds)


def maintain(url: str, tables: Sequence[TableName]) -> None:
    """Sort rows that came since, give back what deleted ones took, and renew the statistics. Redshift does so
    by itself while nobody works; this is for the night after a big load.

    Raises `SyncError` for a table that is not there.
    """
    dialect = RedshiftDialect(url)
    with dialect.errors("production"), closing(dialect.connect()) as connection:
        connection.autocommit = True  # VACUUM is no part of a transaction
        with connection.cursor() as cursor:
            for name in tables:
                for statement in upkeep(dialect, name):
                    cursor.execute(statement)


def upkeep(dialect: RedshiftDialect, name: TableName) -> list[str]:
    """What `maintain` does to a table."""
    return [f"{command} {dialect.table(name)}" for command in ("VACUUM", "ANALYZE")]
