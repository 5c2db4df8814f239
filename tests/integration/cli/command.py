"""`python -m sync` as a user runs it: a process of its own, its output piped."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql

CLONE = Path(__file__).parents[3]
TO = ("--to", "env:TARGET")
Shop = pymysql.Connection


def execute(connection: Shop, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@dataclass
class Command:
    """The command with URLs in its environment; no password may ever show in what it prints."""

    variables: dict[str, str] = field(repr=False)

    def run(self, *arguments: str, exit_code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "sync", *arguments],
            cwd=CLONE,
            env={**os.environ, **self.variables, "FORCE_COLOR": ""},
            capture_output=True,
            text=True,
            timeout=120,
        )
        printed = done.stdout + done.stderr
        assert not re.search(r"\x1b\[", printed)
        for password in self._passwords(arguments):
            assert password not in printed
        assert done.returncode == exit_code, printed
        return done

    def lines(self, *arguments: str, exit_code: int = 0) -> list[dict[str, Any]]:
        """What it prints with --json."""
        printed = self.run(*arguments, "--json", exit_code=exit_code).stdout
        return [json.loads(line) for line in printed.splitlines()]

    def _passwords(self, arguments: tuple[str, ...]) -> set[str]:
        urls = [*self.variables.values(), *(each for each in arguments if "://" in each)]
        found = {urlsplit(url).password for url in urls} - {None}
        return {each for password in found for each in (str(password), unquote(str(password)))}
