"""The production warehouse, of the system that the scheme of its URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
from pydantic import Field

from sync.systems import is_target, open_target, open_warehouse
from sync.targets.base import Target
from sync.warehouses.contract import Warehouse


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Production, which the platform owns."""

    url: str = Field(description="scheme://user:password@host:port/database, from the environment")

    @property
    def is_target(self) -> bool:
        """Whether tables of a source are synced straight into it, as `target` offers."""
        return is_target(self.url)

    @contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        """The warehouse as staging is mirrored into it; connects when it is used.

        Raises `SyncError` for a scheme that no warehouse has.
        """
        with closing(open_warehouse(self.url)) as warehouse:
            yield warehouse

    @contextmanager
    def target(self) -> Iterator[Target]:
        """The warehouse as tables of a source are synced straight into it; connects when it is used.

        Raises `SyncError` where it is no target.
        """
        with closing(open_target(self.url)) as target:
            yield target
