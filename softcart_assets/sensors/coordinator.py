"""What the sensors of one code location tell each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from softcart_assets.sensors.runs import newest_run

REQUEST_SECONDS = 10.0  # the longest time that what a tick requested takes to be a run
ANSWER_SECONDS = 60.0  # the longest time between two ticks of a sensor that is on and whose source answers


class Coordinator:
    """Keeps sensors from requesting the same twice.

    The daemon evaluates them all in the same moment, and what one of them requests is not a run yet when the
    next one asks for the runs in flight. So one at a time decides, and what it has decided holds the others
    back until there is a run of it.
    """

    def __init__(self) -> None:
        self._deciding = threading.Lock()
        self._requested_at = 0.0
        self._newest_then: str | None = None
        self._answered_at: dict[str, float] = {}

    @contextmanager
    def deciding(self, instance: dg.DagsterInstance) -> Iterator[bool]:
        """Whether a run may be requested in this block: not where one was, which is not to be seen yet."""
        with self._deciding:
            is_recent = time.time() - self._requested_at < REQUEST_SECONDS
            yield not (is_recent and newest_run(instance) == self._newest_then)

    def requested(self, instance: dg.DagsterInstance) -> None:
        """Say, where that was decided, that a run is requested."""
        self._requested_at, self._newest_then = time.time(), newest_run(instance)

    def answered(self, source: str) -> None:
        """Say that a source's own sensor is on, and that the source answers."""
        self._answered_at[source] = time.time()

    def answers(self, source: str) -> bool:
        """Whether its own sensor has reached the source lately; one that is off or down is left alone."""
        return time.time() - self._answered_at.get(source, 0.0) < ANSWER_SECONDS
