"""Run something again and again, killed with SIGKILL a little later each time, until it gets through."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from psycopg2.extensions import cursor as PostgresCursor
from pymongo.monitoring import CommandListener
from pymysql.connections import Connection as MySqlConnection

# A fork of this process would take the locks of its threads along; the server forks before there are any.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["tests.integration.landing.test_catalog", "tests.integration.landing.test_shop"]
)


class Fuse:
    """Kills this process when it has burnt for so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def burn(self) -> None:
        self.steps -= 1
        if self.steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def burn_in_mysql(self) -> None:
        """Make each statement of any PyMySQL connection of this process a step."""
        query = MySqlConnection.query

        def burning(connection: MySqlConnection[Any], *args: Any, **options: Any) -> int:
            self.burn()
            return query(connection, *args, **options)

        MySqlConnection.query = burning  # type: ignore[method-assign]

    def postgresql(self) -> type[PostgresCursor]:
        """A cursor class whose every statement is a step."""
        fuse = self

        class Burning(PostgresCursor):
            def execute(self, query: Any, args: Any = None) -> None:
                fuse.burn()
                super().execute(query, args)

            def copy_expert(self, *args: Any) -> None:
                fuse.burn()
                super().copy_expert(*args)

        return Burning

    def mongodb(self) -> CommandListener:
        """A listener for which every command is a step."""
        fuse = self

        class Burning(CommandListener):
            def started(self, event: Any) -> None:
                fuse.burn()

            def succeeded(self, event: Any) -> None: ...

            def failed(self, event: Any) -> None: ...

        return Burning()


def killed_again_and_again(action: Callable[..., object], *arguments: Any, stride: int = 1) -> int:
    """Kill `action` at its first step, then at each `stride`-th after that, until it gets through.

    It runs in a process of its own: a function of a module, which opens its own connections and is given a
    `Fuse` and `arguments`. Each run begins with what the one before has left. Returns how often it was
    killed.
    """
    for kills, steps in enumerate(count(1, stride)):
        process = PROCESSES.Process(target=action, args=(Fuse(steps), *arguments))
        process.start()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0
            return kills
    raise AssertionError
