"""Files that appear whole or not at all."""

from __future__ import annotations

import filecmp
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which takes its place when the block has ended without an error.

    The file stays untouched where its content would be the same. What a killed process of this machine has
    left beside it goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f".{path.name}.{socket.gethostname()}."
    for left in path.parent.glob(f"{escape(own)}*"):
        if not _is_alive(left.name.removeprefix(own)):
            left.unlink(missing_ok=True)
    beside = path.with_name(f"{own}{os.getpid()}")
    try:
        yield beside
        if path.is_file() and filecmp.cmp(beside, path, shallow=False):
            return
        beside.chmod(0o644)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _is_alive(process: str) -> bool:
    """Whether a process of this machine that was writing still may."""
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def sweep(folder: Path, pattern: str, kept: set[str]) -> None:
    """Remove what a run that was killed has left, and the files of parts that are no more: all that match
    `pattern` and whose stem is not among the `kept`."""
    for path in folder.glob(pattern):
        if path.name.startswith(".") or path.name.partition(".")[0] not in kept:
            path.unlink()
