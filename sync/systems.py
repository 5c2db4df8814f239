"""The one place that makes a source or a target from a URL, by its scheme."""

from __future__ import annotations

from sync.errors import SyncError
from sync.sources.base import Source
from sync.targets.base import Target
from sync.urls import parse


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
