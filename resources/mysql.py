"""MySQL or MariaDB: the shop's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import dagster as dg
from pydantic import Field

from sync.sources.mysql.source import MySQLSource


class MySQLResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One MySQL or MariaDB server, reached as a user that can read and follow the log."""

    url: str = Field(description="mysql://user:password@host:port/shop, from the environment")

    @contextmanager
    def source(self) -> Iterator[MySQLSource]:
        """The server as rows are read from it; connects when it is used."""
        with closing(MySQLSource(self.url)) as source:
            yield source
