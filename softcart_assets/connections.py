"""Connections to Dagster's storage, which would connect anew for each statement, a thousand times a run."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster._core.instance.ref import InstanceRef

# What Dagster's web server keeps, and in which limits: milliseconds, seconds, connections.
POOL = {"statement_timeout": 60_000, "pool_recycle": 3600, "max_overflow": 20}


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let the instance keep some connections until its process ends."""
    instance.optimize_for_webserver(**POOL)


class RunQueue(dg.QueuedRunCoordinator):
    """Dagster's own queue, in processes that keep their connections: only those that live long have a queue.

    The daemon writes an event for each asset and each check of a run before it enqueues the run: 85 of them
    take 2.3 s with a connection each, and 0.5 s without.
    """

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        super().register_instance(instance)
        keep_connections(instance)


class KeptInstance:
    """One instance for all ticks that a process evaluates.

    The one that Dagster makes for each of them connects anew for each statement, and SQLAlchemy keeps what it
    prepared for the last 128 of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ref: InstanceRef | None = None
        self._instance: dg.DagsterInstance

    def of(self, context: dg.SensorEvaluationContext) -> dg.DagsterInstance:
        """The instance of a tick; its own where it has no description from which to make another."""
        ref = context.instance_ref
        if ref is None:
            return context.instance
        with self._lock:
            if ref != self._ref:
                self._instance = dg.DagsterInstance.from_ref(ref)
                keep_connections(self._instance)
                self._ref = ref
            return self._instance
