"""The one place that makes a source, a target or a warehouse from a URL, by its scheme."""

from __future__ import annotations

from collections.abc import Callable

from sync.connections.urls import SYSTEMS as SCHEMES
from sync.connections.urls import parse
from sync.errors import SyncError
from sync.sources.base import Source
from sync.targets.base import Target
from sync.warehouses.contract import Warehouse


def _postgresql(url: str) -> Warehouse:
    from functools import partial  # noqa: PLC0415

    from sync.connections.postgresql import connect_to_write  # noqa: PLC0415
    from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse  # noqa: PLC0415

    return PostgreSQLWarehouse(partial(connect_to_write, url))


def _db2(url: str) -> Warehouse:
    from sync.warehouses.db2.derby import db2_dialect  # noqa: PLC0415
    from sync.warehouses.dbapi.warehouse import DbApiWarehouse  # noqa: PLC0415

    return DbApiWarehouse(db2_dialect(url))


def _redshift(url: str) -> Warehouse:
    from sync.warehouses.redshift.warehouse import open_redshift  # noqa: PLC0415

    return open_redshift(url)


def _snowflake(url: str) -> Warehouse:
    from sync.warehouses.snowflake.warehouse import open_snowflake  # noqa: PLC0415

    return open_snowflake(url)


def _bigquery(url: str) -> Warehouse:
    from sync.warehouses.bigquery.warehouse import open_bigquery  # noqa: PLC0415

    return open_bigquery(url)


# By the scheme of SOFTCART_PRODUCTION_URL: what makes the warehouse of a URL.
WAREHOUSES: dict[str, Callable[[str], Warehouse]] = {
    "postgresql": _postgresql,
    "bigquery": _bigquery,
    "db2": _db2,
    "redshift": _redshift,
    "snowflake": _snowflake,
}
# Into which tables of a source are synced straight; any other warehouse gets them by way of staging.
TARGETS = frozenset({"postgresql"})


def open_source(url: str) -> Source:
    """The source of a URL; it connects when it is first used. Raises `SyncError` for an unknown scheme."""
    system = parse(url).system
    if system == "mysql":
        from sync.sources.mysql.source import MySQLSource  # noqa: PLC0415  (a pass loads the drivers that it uses)

        return MySQLSource(url)
    if system == "mongodb":
        from sync.sources.mongodb.source import MongoDBSource  # noqa: PLC0415

        return MongoDBSource(url)
    if system == "postgresql":
        from sync.sources.postgresql.source import PostgreSQLSource  # noqa: PLC0415

        return PostgreSQLSource(url)
    raise SyncError(f"{system} is a production warehouse and no source of the sync engine")


def open_target(url: str) -> Target:
    """The target of a URL; it connects when it is first used.

    Raises `SyncError` for a scheme that no target has.
    """
    system = parse(url).system
    if system in TARGETS:
        from sync.targets.postgresql.target import PostgreSQLTarget  # noqa: PLC0415

        return PostgreSQLTarget(url)
    raise SyncError(f"{system} is no target of the sync engine yet; its target is postgresql://")


def warehouse_system(url: str) -> str:
    """The system of a production URL. Raises `SyncError` for a scheme that no warehouse has."""
    system = _system(url)
    if system not in WAREHOUSES:
        known = ", ".join(f"{name}://" for name in WAREHOUSES)
        raise SyncError(
            f"{system}:// is no production warehouse: SOFTCART_PRODUCTION_URL begins with {known}"
        )
    return system


def _system(url: str) -> str:
    scheme = url.partition("://")[0].lower().partition("+")[0]
    return SCHEMES.get(scheme, scheme)


def open_warehouse(url: str) -> Warehouse:
    """The production warehouse of a URL; it connects when it is first used.

    Raises `SyncError` for a scheme that no warehouse has, and for one whose driver is not installed, with the
    command that installs it.
    """
    return WAREHOUSES[warehouse_system(url)](url)


def is_target(url: str) -> bool:
    """Whether tables of a source can be synced straight into this warehouse; False also where there is no
    such warehouse, which shows when it is opened."""
    return _system(url) in TARGETS
