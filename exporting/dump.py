"""The shop's sales as a dump, by `bin/export_sales.sh`, which cron runs as well."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from sync.errors import SyncError

SCRIPT = Path(__file__).parents[1] / "bin" / "export_sales.sh"
_NO_TOOL = 3
_INSERT = re.compile(rb"INSERT INTO `(?:[^`]|``)*` (?:\([^)]*\) )?VALUES\s*")
# A row's text may hold anything: strings are skipped as a whole.
_TOKEN = re.compile(rb"'(?:[^'\\]|\\.|'')*'|[();]", re.DOTALL)


class NoToolError(SyncError):
    """There is no dump tool; the message says where it comes from."""


def dump_sales(url: str, path: Path) -> None:
    """Dump the sales of the database at `url` into `path`. Raises `NoToolError`, or `SyncError` with what
    the tool has said."""
    done = subprocess.run(
        [str(SCRIPT), str(path)],
        env={**os.environ, "SOFTCART_MYSQL_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise (NoToolError if done.returncode == _NO_TOOL else SyncError)(" ".join(done.stderr.split()))


def rows_in(path: Path) -> int:
    """How many rows a dump has, as MySQL's and MariaDB's tools write it."""
    rows, depth, inside = 0, 0, False
    with path.open("rb") as file:
        for line in file:
            start = 0
            if not inside and (match := _INSERT.match(line)):
                inside, start = True, match.end()
            if not inside:
                continue
            for token in _TOKEN.finditer(line, start):
                if token[0] == b"(":
                    rows += depth == 0
                    depth += 1
                elif token[0] == b")":
                    depth -= 1
                elif token[0] == b";" and depth == 0:
                    inside = False
    return rows
