"""Db2's stand-in: Apache Derby, and before it the shim through which IBM's client talks to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import psutil

from stack.hadoop import java
from stack.home import CLONE, Home, StackError
from stack.packages import Toolbox
from stack.ports import Ports
from stack.server import NotReady, Server
from stack.stand_in import StandIn
from sync.warehouses.db2.connection import connect
from sync.warehouses.db2.derby import SETTINGS
from sync.warehouses.dbapi.driver import load_driver

DATABASE = "BLUDB"
USER = "softcart"
JARS = ("derby.jar", "derbynet.jar", "derbytools.jar")
HEAP = "-Xmx512m"
PROPERTIES = {
    "derby.connection.requireAuthentication": "true",
    "derby.authentication.provider": "BUILTIN",
    # Seconds after which a pass that waits for a lock learns it; the default is a minute.
    "derby.locks.waitTimeout": "20",
    "derby.locks.escalationThreshold": "50000",
    "derby.storage.pageCacheSize": "4000",
}


class Derby(Server):
    """Apache Derby's network server."""

    name = "derby"
    title = "Derby"
    executable = "java"
    packages = ("derby", "java")

    def initialise(self) -> None:
        """Make the database, by Derby's own tool and without its server."""
        password = self.home.passwords["db2.softcart"]
        settings = {**PROPERTIES, f"derby.user.{USER}": password}
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        self.home.write_private(self.data / "derby.properties", lines)
        made = subprocess.run(
            [*self._java(), "org.apache.derby.tools.ij"],
            input=f"connect 'jdbc:derby:{DATABASE};create=true;user={USER};password={password}';\n",
            capture_output=True,
            text=True,
            cwd=self.folder,
        )
        if not (self.data / DATABASE / "service.properties").exists():
            raise StackError(f"{self.title} does not make its database: {(made.stdout + made.stderr)[-500:]}")

    def _java(self) -> list[str]:
        jars = Toolbox(self.home.tools).jars("derby")
        classes = os.pathsep.join(str(jars / jar) for jar in JARS)
        return [str(java(self.home)), HEAP, self.mark, "-cp", classes]

    @property
    def mark(self) -> str:
        return f"-Dderby.system.home={self.data}"

    def command(self, port: int) -> list[str]:
        main = "org.apache.derby.drda.NetworkServerControl"
        return [*self._java(), main, "start", "-noSecurityManager", "-h", "127.0.0.1", "-p", str(port)]

    def port_of(self, process: psutil.Process) -> int:
        line = process.cmdline()
        return int(line[line.index("-p") + 1])

    def ping(self, port: int) -> str:
        """Derby says no version to who does not log in; its jar's name has it."""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError as error:
            raise NotReady(str(error)) from error
        return (Toolbox(self.home.tools).jars("derby") / JARS[0]).resolve().stem.removeprefix("derby-")

    def provision(self, port: int) -> None:
        """Its one user is in its properties."""


class Shim(Server):
    """What IBM's client connects to, with Derby behind it: see `drda.py`."""

    name = "db2"
    title = "Db2 (shim)"
    executable = sys.executable.rpartition("/")[2]

    @property
    def mark(self) -> str:
        return f"--home={self.data}"

    def initialise(self) -> None:
        """It keeps nothing."""

    def command(self, port: int) -> list[str]:
        derby = Ports(self.home).wanted()["derby"]
        return [sys.executable, "-m", "stack.drda", self.mark, f"--port={port}", f"--derby={derby}"]

    def process_environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(CLONE)}

    def ping(self, port: int) -> str:
        """All the way to Derby, whose version it is."""
        try:
            connect(Db2StandIn().url(self.home, {"db2": port}), SETTINGS).close()
        except load_driver("ibm_db_dbi", "Db2", "db2").Error as error:
            raise NotReady(" ".join(str(error).split())) from error
        return ""

    def provision(self, port: int) -> None:
        """Derby has all that there is."""


class Db2StandIn(StandIn):
    """IBM's client over a real wire to a server that is not Db2."""

    name = "db2"
    title = "Derby"
    servers = (Derby, Shim)
    lacks = (
        "total_sales_per_country is a table that the platform keeps; Db2 has a materialized query table",
        "no comments, roles, statistics, ORGANIZE BY; its keys are enforced, where Db2's are only declared",
    )

    def url(self, home: Home, ports: Mapping[str, int]) -> str:
        login = f"{USER}:{home.passwords['db2.softcart']}"
        return f"db2://{login}@127.0.0.1:{ports['db2']}/{DATABASE}?server=derby"
