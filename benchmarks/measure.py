"""Runs one contender as a user would, a command in a process of its own, and takes its figures."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
SHOWN_OUTPUT = 3000


class ContenderFailed(RuntimeError):
    """A contender's command ended with an error; the message holds the end of what it said."""


@dataclass(frozen=True)
class Figures:
    """What one run took. Memory is resident, in bytes, sampled ten times a second: `peak` of the largest
    process, `peak_sum` of all processes of the command together. `cpu` are seconds of the command's
    processes, not of the servers."""

    seconds: float
    cpu: float
    peak: int
    peak_sum: int
    output: str


class _Sampler(threading.Thread):
    """Watches the memory of a process and its descendants until it is told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self.peak = self.peak_sum = 0

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            sizes = list(self._sizes())
            self.peak = max(self.peak, *sizes, 0)
            self.peak_sum = max(self.peak_sum, sum(sizes))

    def _sizes(self) -> list[int]:
        sizes = []
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                sizes.append(process.memory_info().rss)
        except psutil.NoSuchProcess:
            pass  # it ended between two samples; what was seen of the others counts
        return sizes

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def kill(self) -> None:
        """End the process and its descendants."""
        with suppress(psutil.NoSuchProcess):
            for process in (*self._process.children(recursive=True), self._process):
                process.kill()


def jvms() -> list[psutil.Process]:
    """The Java processes below this one; others, such as a database's sessions, end while they are asked."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.name() == "java":
                found.append(child)
    return found


def run(script: str, environment: Mapping[str, str], folder: Path) -> Figures:
    """Run a bash script in `folder` and measure it.

    Raises `ContenderFailed` when it ends with an error or a command of a pipe does.
    """
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
        )
        sampler = _Sampler(process.pid)
        sampler.start()
        # Its usage is that of all descendants it waited for, exact also for those too short to be sampled.
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # Ctrl-C means the command, too
            sampler.kill()
            raise
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        sampler.stop()
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode:
        raise ContenderFailed(f"it ended with {process.returncode}: {said[-SHOWN_OUTPUT:].strip()}")
    return Figures(seconds, usage.ru_utime + usage.ru_stime, sampler.peak, sampler.peak_sum, said)
