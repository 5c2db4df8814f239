"""IBM Db2 as production: the warehouse, and SQLAlchemy on it for assets of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resources.warehouse import WarehouseResource
from sync.warehouses.db2.derby import db2_dialect

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Db2Resource(WarehouseResource):
    """One Db2 database, on Db2 on Cloud too, that the platform owns."""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine of SQLAlchemy through `ibm_db_sa`, for `pandas.read_sql`; connects when it is used.

        Its connections are made as the warehouse's own are, with the same TLS and time-outs. Raises
        `SyncError` where IBM's driver is not installed, with the command that installs it.
        """
        from sqlalchemy import create_engine  # noqa: PLC0415  (needed by own assets alone)

        engine = create_engine("ibm_db_sa://", creator=db2_dialect(self.url).connect)
        try:
            yield engine
        finally:
            engine.dispose()
