"""The one place that makes a source, a target or a warehouse from a URL, by its scheme."""

from __future__ import annotations

from sync.errors import SyncError
from sync.sources.base import Source
from sync.targets.base import Target
from sync.urls import parse
from sync.warehouses.contract import Warehouse

WAREHOUSES = ("postgresql",)


def open_source(url: str) -> Source:
    """The source of a URL; it connects when it is first used. Raises `SyncError` for an unknown scheme."""
    system = parse(url).system
    if system == "mysql":
        from sync.sources.mysql import MySQLSource  # noqa: PLC0415  (a pass loads the drivers that it uses)

        return MySQLSource(url)
    if system == "mongodb":
        from sync.sources.mongodb import MongoDBSource  # noqa: PLC0415

        return MongoDBSource(url)
    from sync.sources.postgresql import PostgreSQLSource  # noqa: PLC0415

    return PostgreSQLSource(url)


def open_target(url: str) -> Target:
    """The target of a URL; it connects when it is first used.

    Raises `SyncError` for a scheme that no target has.
    """
    system = parse(url).system
    if system == "postgresql":
        from sync.targets.postgresql import PostgreSQLTarget  # noqa: PLC0415

        return PostgreSQLTarget(url)
    raise SyncError(f"{system} is a source of the sync engine and no target yet; its target is postgresql://")


def warehouse_system(url: str) -> str:
    """The system of a production URL. Raises `SyncError` for a scheme that no warehouse has."""
    scheme = url.partition("://")[0].lower().partition("+")[0]
    system = {"postgres": "postgresql"}.get(scheme, scheme)
    if system not in WAREHOUSES:
        known = ", ".join(f"{name}://" for name in WAREHOUSES)
        raise SyncError(
            f"{scheme}:// is no production warehouse: SOFTCART_PRODUCTION_URL begins with {known}"
        )
    return system


def open_warehouse(url: str) -> Warehouse:
    """The production warehouse of a URL; it connects when it is first used.

    Raises `SyncError` for a scheme that no warehouse has, and for one whose driver is not installed, with the
    command that installs it.
    """
    warehouse_system(url)
    from functools import partial  # noqa: PLC0415

    from sync.connections import connect_to_write  # noqa: PLC0415
    from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse  # noqa: PLC0415

    return PostgreSQLWarehouse(partial(connect_to_write, url))
