"""All servers of one home together: up, down, status, and the environment that points at them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from stack import lake, production
from stack.dagster_storage import make_tables
from stack.environment import (
    AUTOMATION,
    NAMES,
    foreign,
    lands_demo,
    stand_in_of,
    urls,
    users_landing,
    users_own,
)
from stack.home import CLONE, Home, StackError
from stack.mariadb import MariaDB
from stack.mongodb import MongoDB
from stack.mysql import MySQL
from stack.packages import Toolbox
from stack.ports import Ports
from stack.postgres import PostgreSQL
from stack.server import NotReady, Say, Server
from stack.shop import add_missing_columns
from stack.stand_in import StandIn


@dataclass(frozen=True)
class State:
    """What ``status`` shows of one server."""

    title: str
    state: str
    port: int | None
    pid: int | None
    version: str
    data_bytes: int
    log: Path


class Cluster:
    """The local servers of a home, without those that the caller's environment replaces by his own."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        self.home = home
        self.ports = Ports(home)
        self._environment = environment
        self._all: list[Server] = [MariaDB(home), MongoDB(home), PostgreSQL(home)]
        optional = [*lake.all_servers(home), *production.all_servers(home)]
        self._optional = list({server.name: server for server in optional}.values())

    @property
    def stand_in(self) -> StandIn | None:
        """What stands in for production; None for a warehouse of the user's own."""
        return stand_in_of(self.home, self._environment)

    @property
    def stores_runs(self) -> bool:
        """Whether Dagster's storage is ours, so that all its runs execute on this machine."""
        return "SOFTCART_DAGSTER_URL" not in users_own(self.home, self._environment)

    @property
    def servers(self) -> list[Server]:
        replaced = foreign(self.home, self._environment)
        return [
            *(server for server in self._all if server.name not in replaced),
            *(server for server in self._optional if server.name in self._wanted()),
        ]

    def _wanted(self) -> set[str]:
        """The names of the servers that the lake and production ask for."""
        needed = {server.name for server in self.stand_in.servers} if self.stand_in else set()
        return lake.wanted_servers(self.home, self._environment) | needed

    def up(self, say: Say) -> None:
        """Bring every server up, side by side; one that runs already is left alone.

        Raises:
            StackError: of the first server that can't be brought up.
        """
        with self.home.locked(), ExitStack() as stack:
            production.remember(self.home, self._environment)
            servers = self.servers
            Toolbox(self.home.tools).ensure(*(group for server in servers for group in server.packages))
            # Read once before the threads: both are made on first use.
            _ = self.home.passwords, self.ports.wanted()
            configuration = self.home.dagster / "dagster.yaml"
            if not configuration.exists():
                configuration.unlink(missing_ok=True)  # a link to where the clone was before
                configuration.symlink_to(CLONE / "deploy" / "dagster.yaml")
            pool = stack.enter_context(ThreadPoolExecutor(len(servers) or 1))
            for started in [pool.submit(server.start, self.ports, say) for server in servers]:
                started.result()
            make_tables(self.urls()["SOFTCART_DAGSTER_URL"], say)
            if any(isinstance(server, MariaDB) for server in servers):
                add_missing_columns(self.urls()["SOFTCART_MYSQL_ADMIN_URL"], say)

    def down(self, say: Say) -> None:
        """Stop every server of this home."""
        # The last one is the tests', where there is one.
        servers = [*self._all, *self._optional, MySQL(self.home)]
        with self.home.locked(), ThreadPoolExecutor(len(servers)) as pool:
            for server, stopped in [(server, pool.submit(server.stop)) for server in servers]:
                if stopped.result():
                    say(f"{server.title} is down")

    def urls(self) -> dict[str, str]:
        """The variables that point the platform at these servers, and at the caller's own."""
        return urls(self.home, self.ports.known(), self._environment)

    def variables(self) -> dict[str, str]:
        """All that a process needs to work with these servers: URLs, folders, PATH, JAVA_HOME."""
        home = self.home
        variables = self.urls() | {
            "SOFTCART_HOME": str(home.root),
            "DAGSTER_HOME": str(home.dagster),
            AUTOMATION: self._environment.get(AUTOMATION) or "on",
            **lake.variables(home, self.ports, self._environment),
            **self._of_production(),
            "PATH": _first(home.tools / "venv" / "bin", self._environment.get("PATH", os.defpath)),
            # dagster.yaml names a class of ours, which commands have to find that run in any folder.
            "PYTHONPATH": _first(CLONE, self._environment.get("PYTHONPATH", "")),
        }
        if java := Toolbox(home.tools).java_home():
            variables["JAVA_HOME"] = str(java)
        if landing := users_landing(home, self._environment):
            variables["SOFTCART_LANDING"] = landing
        elif home.demo.is_dir() and self.lands_demo:
            variables["SOFTCART_LANDING"] = str(home.demo)
        return variables

    def _of_production(self) -> dict[str, str]:
        return self.stand_in.variables(self.home, self.ports.wanted()) if self.stand_in else {}

    def left_out(self) -> list[str]:
        """What the caller's environment has of our servers and must not pass on: rights to write to them
        beside a server of his own, and the demo shop where it is not landed.
        """
        ours = {*NAMES, "SOFTCART_LANDING"} - self.variables().keys()
        return sorted(name for name in ours if name in self._environment)

    @property
    def lands_demo(self) -> bool:
        return lands_demo(self.home, self._environment)

    def not_running(self) -> list[str]:
        return [server.title for server in self.servers if not server.process()]

    def status(self) -> list[State]:
        replaced = foreign(self.home, self._environment)
        wanted = self._wanted()
        shown = [server for server in self._optional if server.name in wanted or server.process()]
        return [self._state(server, server.name in replaced) for server in (*self._all, *shown)]

    @staticmethod
    def _state(server: Server, replaced: bool) -> State:
        process = server.process()
        port = server.port_of(process) if process else None
        version, state = "", "replaced by yours" if replaced else "down"
        if process and port:
            try:
                version, state = server.ping(port), "up"
            except (NotReady, StackError) as error:
                state = f"not ready: {error}"
        pid = process.pid if process else None
        return State(server.title, state, port, pid, version, size_of(server.folder), server.log)


def _first(folder: Path, path: str) -> str:
    """The search path with the folder at its beginning, and nowhere else."""
    others = [each for each in path.split(os.pathsep) if each and each != str(folder)]
    return os.pathsep.join([str(folder), *others])


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, whose files come and go meanwhile."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += file.stat().st_size
    return size
