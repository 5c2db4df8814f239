"""The stand-in for Snowflake: fakesnow, which executes Snowflake's SQL in DuckDB and speaks to its driver.

What it does not show is in docs/warehouses/snowflake.md.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from stack.home import Home
from stack.server import NotReady, Server
from stack.stand_in import StandIn
from stack.tools import PINS, Tool

DATABASE = "softcart"


class Snowflake(Server):
    name = "snowflake"
    title = "Snowflake (fakesnow)"
    executable = "fakesnow_server.py"

    @property
    def mark(self) -> str:
        return str(self.data)

    @property
    def _tool(self) -> Tool:
        return Tool.named("fakesnow", self.home)

    def initialise(self) -> None:
        """Databases are made by the first login."""

    def command(self, port: int) -> list[str]:
        self._tool.install()
        return [str(self._tool.python), str(PINS / self.executable), self.mark, f"--port={port}"]

    def ping(self, port: int) -> str:
        """It answers nobody without a session, which is an answer."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except urllib.error.HTTPError:
            pass
        except OSError as error:
            raise NotReady(str(error)) from error
        return self._tool.pins.read_text().partition("==")[2].split()[0]

    def provision(self, port: int) -> None:
        """Logins are not checked."""


class SnowflakeStandIn(StandIn):
    name = "snowflake"
    title = "fakesnow"
    servers = (Snowflake,)
    lacks = (
        "roles and grants, keys, comments and clustering are accepted and do nothing",
        "tasks, pipes, streams, dynamic tables and external stages cannot be run",
    )

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        login, port = f"softcart:{home.passwords['postgres.softcart']}", ports[Snowflake.name]
        return (
            f"snowflake://{login}@127.0.0.1:{port}/{DATABASE}"
            f"?account=fakesnow&protocol=http&network_timeout=6&login_timeout=6"
        )
