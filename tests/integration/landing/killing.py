"""Run something again and again, killed with SIGKILL a little later each time, until it gets through."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from itertools import count
from typing import Any

from psycopg2.extensions import cursor as PostgresCursor
from pymongo.monitoring import CommandListener
from pymysql.connections import Connection as MySqlConnection


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


def killed_again_and_again(action: Callable[[Fuse], object], stride: int = 1) -> int:
    """Kill `action` at its first step, then at each `stride`-th after that, until it gets through.

    Each run begins with what the one before has left. `action` opens its own connections: it runs in a forked
    process. Returns how often it was killed.
    """
    for kills, steps in enumerate(count(1, stride)):
        child = os.fork()
        if child == 0:
            try:
                action(Fuse(steps))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return kills
    raise AssertionError
