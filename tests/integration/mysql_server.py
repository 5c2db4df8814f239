"""A server for tests that run on MariaDB and on a real MySQL: its administrator, its reader's pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymysql

from tests.integration.sync_support import Pipeline, execute


@dataclass
class Server:
    """A server's administrator, and the pipeline of its reader."""

    root: pymysql.Connection[Any]
    url: str = field(repr=False)
    pipeline: Pipeline
    mariadb: bool

    @contextmanager
    def set(self, settings: dict[str, Any]) -> Iterator[None]:
        """Global variables, put back at the end. The administrator's own session does not change."""
        before = {name: execute(self.root, f"SELECT @@GLOBAL.{name}")[0][0] for name in settings}
        try:
            for name, value in settings.items():
                self._set(name, value)
            yield
        finally:
            for name, value in before.items():
                self._set(name, value)

    def _set(self, name: str, value: Any) -> None:
        written = "DEFAULT" if value == "DEFAULT" else repr(value)
        execute(self.root, f"SET GLOBAL {name} = {written}")

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.root, *statements)
