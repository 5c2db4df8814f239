"""Whether the code that the definitions were loaded from is still what is on disk.

A run loads it from there each time, and a sensor goes on with what was loaded when its process began. Where
the two differ, a sensor may wait for something that no run does any more, and request it again and again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
PARTS = (
    "definitions.py",
    "softcart_assets",
    "resources",
    "landing",
    "lake",
    "dashboard",
    "forecast",
    "weblog",
    "exporting",
    "sync",
    "sql",
)
SUFFIXES = {".py", ".sql", ".yml", ".yaml", ".json", ".csv"}
LEFT_OUT = {"target", "logs", "__pycache__"}  # what dbt and Python derive
NAMED = 3

Stamp = tuple[int, int]


class LoadedCode:
    """The files below `root` as they are when this is made."""

    def __init__(self, root: Path = CLONE, parts: Sequence[str] = PARTS) -> None:
        self._root, self._parts = root, parts
        self._stamps = dict(self._stamped())
        self._contents = {path: _content(path) for path in self._stamps}

    def changed(self) -> str:
        """The files that differ now, or some of them, as `a.py, b.py and 2 more`; empty where none does.

        A file that was only touched does not differ.
        """
        found = dict(self._stamped())
        names = [
            str(path.relative_to(self._root))
            for path in sorted(found.keys() | self._stamps.keys())
            if found.get(path) != self._stamps.get(path) and self._differs(path)
        ]
        more = len(names) - NAMED
        return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")

    def _differs(self, path: Path) -> bool:
        return _content(path) != self._contents.get(path)

    def _stamped(self) -> Iterator[tuple[Path, Stamp]]:
        for part in self._parts:
            for path in _files(self._root / part):
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue  # it went in this moment
                yield path, (stat.st_mtime_ns, stat.st_size)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if name not in LEFT_OUT]
        yield from (Path(folder, name) for name in files if Path(name).suffix in SUFFIXES)


def _content(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
