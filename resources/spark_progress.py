"""What Spark is doing, for a run's log: one line when a stage begins, moves on or ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POLL_SECONDS = 1.0

Say = Callable[[str], None]


@contextmanager
def reported(session: SparkSession, say: Say) -> Iterator[None]:
    """`say` the progress of the session's stages while the block runs."""
    if type(session).__module__.startswith("pyspark.sql.connect"):
        with _told_by_server(session, say):
            yield
    else:
        with _asked_again_and_again(session, say):
            yield


@contextmanager
def _told_by_server(session: SparkSession, say: Say) -> Iterator[None]:
    """Spark Connect calls back."""
    last = ""

    def handle(
        stages: Iterable[Any] | None,
        inflight_tasks: int,
        operation_id: str | None,
        done: bool,
    ) -> None:
        nonlocal last
        listed = list(stages or ())
        finished, tasks = sum(s.num_completed_tasks for s in listed), sum(s.num_tasks for s in listed)
        line = f"Spark: {len(listed)} stages, {finished} of {tasks} tasks"
        if tasks and line != last:
            last = line
            say(line)

    handler: Any = handle  # which Spark declares as a class, and takes as a function
    session.registerProgressHandler(handler)
    try:
        yield
    finally:
        session.removeProgressHandler(handler)


@contextmanager
def _asked_again_and_again(session: SparkSession, say: Say) -> Iterator[None]:
    over = threading.Event()
    tracker = session.sparkContext.statusTracker()

    def watch() -> None:
        told: dict[int, int] = {}
        while not over.wait(POLL_SECONDS):
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                if info and told.get(stage) != info.numCompletedTasks:
                    told[stage] = done = info.numCompletedTasks
                    say(f"Spark stage {stage} ({info.name}): {done} of {info.numTasks} tasks")

    watcher = threading.Thread(target=watch, name="spark progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
