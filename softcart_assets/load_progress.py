"""How far a long reading is: a line in the run's log and on the terminal, now and then."""

from __future__ import annotations

import time
from collections.abc import Callable

from softcart_assets.progress import HOW_FAR

FIRST_SECONDS, NEXT_SECONDS = 10.0, 30.0


class LoadProgress:
    """Takes how many rows were read of how many, and says it after ten seconds and each half a minute then.

    What an earlier run has read is not counted as this one's speed.
    """

    def __init__(self, name: str, say: Callable[[str], object]) -> None:
        self._name, self._say = name, say
        self._began = time.monotonic()
        self._next = self._began + FIRST_SECONDS
        self._first: int | None = None

    def __call__(self, rows: int, expected: int | None) -> None:
        now = time.monotonic()
        if self._first is None or rows < self._first:  # the next table's reading
            self._began, self._first = now, rows
        if now < self._next:
            return
        self._next = now + NEXT_SECONDS
        seconds = now - self._began
        speed = (rows - self._first) / seconds if seconds else 0.0
        self._say(HOW_FAR + how_far(self._name, rows, expected, speed))


def how_far(name: str, rows: int, expected: int | None, speed: float) -> str:
    """`raw.orders: 1,200,000 of about 20,000,000 rows (6%), 12 minutes left`; `speed` is rows a second."""
    if not expected or expected < rows:
        return f"{name}: {rows:,} rows, {speed:,.0f} a second"
    left = f", {_left((expected - rows) / speed)} left" if speed else ""
    return f"{name}: {rows:,} of about {expected:,} rows ({rows / expected:.0%}){left}"


def _left(seconds: float) -> str:
    for unit, length in (("hours", 5400.0), ("minutes", 90.0)):
        if seconds >= length:
            return f"{seconds / (3600 if unit == 'hours' else 60):.0f} {unit}"
    return f"{seconds:.0f} seconds"
