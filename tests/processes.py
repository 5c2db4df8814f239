"""Asking other processes, which may end meanwhile: a database's sessions are processes, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import psutil

Answer = TypeVar("Answer")


def answers(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], Answer]) -> list[Answer]:
    """What `ask` says of each; nothing of one that has ended."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found.append(ask(process))
    return found
