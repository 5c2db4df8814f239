"""How far a pass has come: a bar on a terminal, else a line now and then. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sync.cli.rendering import say

SILENT_SECONDS = 0.5  # a pass that is over by then shows nothing
LINE_SECONDS = 10.0

Observe = Callable[[int, int | None], None]


@contextmanager
def progress(name: str) -> Iterator[Observe]:
    """What to give a pass over the table `name` as its `observe`."""
    if sys.stderr.isatty():
        with _bar(name) as observe:
            yield observe
    else:
        yield _lines(name)


def _lines(name: str) -> Observe:
    started = last = time.monotonic()

    def observe(rows: int, expected: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_SECONDS:
            return
        last = now
        rate = rows / (now - started)
        ahead = f", about {(expected - rows) / rate:,.0f} s left" if expected and expected > rows else ""
        say(f"{name}: {rows:,} rows read, {rate:,.0f} rows/s{ahead}", err=True)

    return observe


@contextmanager
def _bar(name: str) -> Iterator[Observe]:
    from rich.console import Console  # noqa: PLC0415  (not every pass shows a bar)
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    started = time.monotonic()
    shown = Progress(
        TextColumn(escape(name)),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=4,
    )
    task = shown.add_task("", total=None, rate=0.0)

    def observe(rows: int, expected: int | None) -> None:
        seconds = time.monotonic() - started
        if seconds < SILENT_SECONDS:
            return
        shown.start()
        # An estimate that was exceeded says nothing any more.
        total = expected if expected and expected > rows else None
        shown.update(task, completed=rows, total=total, rate=rows / seconds)

    try:
        yield observe
    finally:
        shown.stop()
