"""Live traffic: one act of the shop after the other at a steady rate, until told to stop."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from textwrap import shorten
from threading import Event
from typing import Protocol

from demo.shop import Act
from sync.errors import TransientError

_LONGEST_PAUSE_SECONDS = 8.0
_LATE_SECONDS = 1.0
_NOTE_LETTERS = 150


@dataclass
class Totals:
    """How many acts there were, and what they changed in all."""

    acts: int = 0
    changed: Counter[str] = field(default_factory=Counter)


class Progress(Protocol):
    """Where a person reads how it goes."""

    def counters(self, totals: Totals) -> None:
        """After each act."""

    def note(self, text: str) -> None:
        """Something happened that a person wants to know."""


def ticks(rate: float, stop: Event, seconds: float | None = None) -> Iterator[None]:
    """Yield `rate` times a second until `stop` is set or `seconds` are over.

    The moments are fixed by the start, so nothing drifts; who comes more than a second late (a server was
    away) goes on from now and does not catch up in a burst.
    """
    start = time.monotonic()
    end = start + seconds if seconds is not None else float("inf")
    for number in count():
        due = start + number / rate
        late = time.monotonic() - due
        if late > _LATE_SECONDS:
            start, due = start + late, due + late
        if due >= end or stop.wait(max(0.0, -late)):
            return
        yield


def run(
    open_shop: Callable[[], AbstractContextManager[Act]],
    moments: Iterator[None],
    stop: Event,
    progress: Progress,
) -> Totals:
    """One act at each of `moments`.

    A server that goes away is waited for, with pauses that double; the act it cut short is not repeated,
    since it may have been committed. One that is away at the start raises, as does every other error.
    """
    totals = Totals()
    pause: float | None = None
    while True:
        try:
            with open_shop() as act:
                for _ in moments:
                    totals.changed.update(act())
                    totals.acts += 1
                    pause = 1.0
                    progress.counters(totals)
                return totals
        except TransientError as error:
            if pause is None:
                raise
            progress.note(f"{shorten(str(error), _NOTE_LETTERS)} Trying again in {pause:.0f} s.")
            if stop.wait(pause):
                return totals
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
