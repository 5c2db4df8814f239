"""One local server's life: found among the processes, initialised once, started, waited for, stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import psutil

from stack.home import Home, StackError
from stack.ports import Ports, is_free

READY_SECONDS = 180  # recovery after a crash takes its time
STOP_SECONDS = 60
START_ATTEMPTS = 5
Say = Callable[[str], None]


class NotReady(Exception):
    """The server is there, or on its way, but can't be worked with yet."""


class Server(ABC):
    """A server that belongs to one home. What differs between products is in the subclasses.

    A running server is recognised by its command line, which names our data folder and the port, never by a
    pid file: there is none that could be stale, lost, or name a process that is someone else's by now.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    executable: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.root / self.name
        self.data = self.folder / "data"
        self.log = home.logs / f"{self.name}.log"

    @abstractmethod
    def initialise(self) -> None:
        """Fill the empty data folder, with the administrator's password set."""

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """The command that serves ``self.data``; it contains ``self.mark`` and ``--port=N``."""

    @property
    @abstractmethod
    def mark(self) -> str:
        """The argument by which a process is known to serve our data folder."""

    @abstractmethod
    def ping(self, port: int) -> str:
        """The server's version, asked for with a login of its own.

        Raises:
            NotReady: it does not answer yet.
            StackError: it answers, and waiting will not help.
        """

    @abstractmethod
    def provision(self, port: int) -> None:
        """Databases, users and their rights, as they have to be; repeated at every start."""

    def process_environment(self) -> dict[str, str]:
        return dict(os.environ)

    def survives(self, last_words: str) -> bool:
        """Whether a server that ended with these words in its log can just be started again."""
        return False

    @property
    def _initialised(self) -> Path:
        return self.folder / "initialised"

    def process(self) -> psutil.Process | None:
        """The process that serves our data folder, whoever started it."""
        found = [
            process
            for process in psutil.process_iter(["cmdline", "status", "create_time"])
            if self.mark in (line := process.info["cmdline"] or [])
            and self.executable in {Path(word).name for word in line}  # a loader's name may stand before it
            and process.info["status"] != psutil.STATUS_ZOMBIE
            and self._is_here(process)
        ]
        # A server's fresh children look like it until they rename themselves; it is the oldest.
        return min(found, key=lambda process: process.info["create_time"], default=None)

    def _is_here(self, process: psutil.Process) -> bool:
        """Whether a process means the same folder by our path: in a container it would be another one."""
        try:
            return Path(f"/proc/{process.pid}/root{self.folder}").samefile(self.folder)
        except OSError:
            return False

    def port_of(self, process: psutil.Process) -> int:
        return next(int(word[7:]) for word in process.cmdline() if word.startswith("--port="))

    def start(self, ports: Ports, say: Say) -> None:
        """Bring the server up, whatever state it was left in.

        Raises:
            StackError: it can't be; names the cause, with the log's last lines.
        """
        port = ports.wanted()[self.name]
        process = self.process()
        if process and self.port_of(process) != port:
            say(f"{self.title} moves from port {self.port_of(process)} to {port}")
            self.stop()
            process = None
        if process:
            self._wait(process, port)
            if self._initialised.exists():
                return
        else:
            self._initialise_once(say)
            port = self._launch(ports, port, say)
        self.provision(port)
        self._initialised.touch()
        say(f"{self.title} listens on 127.0.0.1:{port}")

    def stop(self) -> bool:
        """End the server in good order; True where one was running."""
        process = self.process()
        if not process:
            return False
        self._signal_stop(process)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
        return True

    def _signal_stop(self, process: psutil.Process) -> None:
        process.terminate()

    def _initialise_once(self, say: Say) -> None:
        if self._initialised.exists():
            return
        if self.folder.exists():
            say(f"{self.title}: the first start was interrupted, so its data folder is made anew")
            shutil.rmtree(self.folder)
        self.data.mkdir(mode=0o700, parents=True)
        self.initialise()

    def _launch(self, ports: Ports, port: int, say: Say) -> int:
        """Start the process and wait until it serves; the port that it got."""
        for attempt in range(1, START_ATTEMPTS + 1):
            if not is_free(port):
                taken, port = port, ports.replace(self.name)
                say(f"{self.title}: port {taken} is taken, so it moves to {port}")
            begin = self.log.stat().st_size if self.log.exists() else 0
            process = self._spawn(port)
            try:
                self._wait(process, port, begin)
                return port
            except StackError:
                again = not is_free(port) or self.survives(self._log_since(begin))
                if process.is_running() or not again or attempt == START_ATTEMPTS:
                    raise
                time.sleep(1)
        raise AssertionError("unreachable")

    def _spawn(self, port: int) -> psutil.Process:
        with self.log.open("ab") as log:
            return psutil.Popen(
                self.command(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.process_environment(),
                start_new_session=True,
            )

    def _wait(self, process: psutil.Process, port: int, begin: int = 0) -> None:
        """Until the server serves; what its log says after the byte ``begin`` explains a failure."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.ping(port)
                return
            except NotReady as error:
                reason = str(error)
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise StackError(f"{self.title} ended while it started.{self._tail(begin)}")
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.title} (pid {process.pid}) is not ready after {READY_SECONDS} s: {reason}."
                    f"{self._tail(begin)}"
                )
            time.sleep(0.05)

    def _log_since(self, begin: int) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def _tail(self, begin: int) -> str:
        lines = self._log_since(begin).splitlines()[-12:]
        return f" Last lines of {self.log}:\n" + "\n".join(f"    {line}" for line in lines)
