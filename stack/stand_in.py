"""What stands in for production on this machine; `production.py` has the register of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from stack.home import Home
from stack.server import Server


class StandIn:
    """A local production warehouse. `lacks` says, a line each, what it cannot show of the real system.

    The URL has one of the home's passwords in it, by which it is known to be ours.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    servers: ClassVar[tuple[type[Server], ...]] = ()
    lacks: ClassVar[tuple[str, ...]] = ()

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        """SOFTCART_PRODUCTION_URL."""
        raise NotImplementedError

    @property
    def missing(self) -> list[str]:
        """What it lacks, as the summary says it."""
        return [f"{self.title} stands in for production: {line}" for line in self.lacks]

    def variables(self, home: Home, ports: Mapping[str, int]) -> dict[str, str]:
        """What else a process needs to work with it."""
        return {}


class PostgreSQLStandIn(StandIn):
    """The database beside staging's, on a server that runs in any case."""

    name = "postgresql"
    title = "PostgreSQL"

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        login = f"softcart:{home.passwords['postgres.softcart']}"
        return f"postgresql://{login}@127.0.0.1:{ports['postgres']}/production"
