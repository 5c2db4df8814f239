"""What `make ui` shows of all that Dagster's processes say: what a person can act on, once.

Everything goes to a log file. On the terminal are the lines of runs, and of warnings and errors the cause in
one line; a cause that comes again is shown once a minute, with how often it came.
"""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from stack.server import Say

KEPT_BYTES = 20_000_000  # of the log file, before it becomes `ui.log.1`
REPEAT_SECONDS = 60.0
IDLE_SECONDS = 0.5  # without a line for so long, what an error has said is complete
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LOGGED = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} - (?P<name>[\w.-]+) - (?P<level>[A-Z]+) - (?P<said>.*)"
)
# How Dagster begins what a run says: job, run, process and perhaps a step; the event's own words are last.
OF_SENSOR = re.compile(r"__repository__ - \w+ - ")
OF_RUN = re.compile(r"\w+ - [0-9a-f-]{36} - (?:.* - )?(?P<event>[A-Z_]+ - )?(?P<said>[^-].*)")
SHOWN_LEVELS = {"WARNING", "ERROR", "CRITICAL"}
HARMLESS = re.compile(r"No cursor for event type")  # at the first start
OF_A_RUN = re.compile(r"  (?!File |[|+^~.])\S")  # as `softcart_assets.progress` writes it
# The first line of an exception in a traceback, with its class.
CAUSE = re.compile(
    r"(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Failure|Exception|FailedChecks|Timeout)): (?P<said>.+)"
)
DRIVER = re.compile(r"^\(\w+\.\w+\) ")  # SQLAlchemy names whose error it passes on
AWAY = re.compile(r"connection to server .* failed|server closed the connection")
NUMBERS = re.compile(r"\d+")


@dataclass
class Error:
    """A warning or an error, and what of its traceback was read."""

    said: str
    cause: str = ""


class UiOutput:
    """Takes lines, shows some of them by `say`, and keeps them all in `log`."""

    def __init__(self, log: Path, say: Say) -> None:
        self.log, self._say = log, say
        self._error: Error | None = None
        self._shown: dict[str, tuple[float, int]] = {}  # when, and how often it came since

    def follow(self, stream: IO[str]) -> Thread:
        """Take the lines of a process until it ends."""
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        Thread(target=_read, args=(stream, lines), daemon=True).start()
        taking = Thread(target=self._take_all, args=(lines,), daemon=True)
        taking.start()
        return taking

    def _take_all(self, lines: queue.SimpleQueue[str | None]) -> None:
        if self.log.exists() and self.log.stat().st_size > KEPT_BYTES:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
        with self.log.open("a", encoding="utf-8") as log:
            while True:
                try:
                    line = lines.get(timeout=IDLE_SECONDS)
                except queue.Empty:
                    self.flush()
                    log.flush()
                    continue
                if line is None:
                    break
                log.write(line)
                self.take(line)
        self.flush()

    def take(self, line: str) -> None:
        """Show the line, keep it for what follows it, or leave it out."""
        line = COLOURS.sub("", line.rstrip("\n"))
        if logged := LOGGED.match(line):
            self.flush()
            if logged["level"] in SHOWN_LEVELS and not HARMLESS.match(logged["said"]):
                self._error = Error(_without_origin(logged["said"]))
        elif OF_A_RUN.match(line):
            self.flush()
            self._say(line)
        elif cause := CAUSE.match(line):
            self._error = self._error or Error(line)
            self._error.cause = self._error.cause or cause["said"]

    def flush(self) -> None:
        """Show the error whose last line was taken."""
        if self._error is None:
            return
        text = DRIVER.sub("", self._error.cause or self._error.said)
        self._error = None
        key, now = NUMBERS.sub("", text), time.monotonic()
        shown_at, times = self._shown.get(key, (-REPEAT_SECONDS, 0))
        if now - shown_at < REPEAT_SECONDS:
            self._shown[key] = shown_at, times + 1
            return
        self._shown[key] = now, 0
        way_out = "; make status tells which server is down, make up starts it" if AWAY.search(text) else ""
        self._say(f"{text}{way_out}{f' ({times} times more since it was shown)' if times else ''}")


def _read(stream: Iterable[str], lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _without_origin(said: str) -> str:
    """Without the sensor's name, or a run's and its step's."""
    of_run = OF_RUN.fullmatch(said)
    return of_run["said"] if of_run else OF_SENSOR.sub("", said)
