"""Passes in processes of their own, behind wires, for the tests that kill them or their servers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from threading import Event
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sync.engine import run_pass
from sync.errors import LeaseLost, TransientError
from sync.passes import Compare, Options
from sync.spec import Table
from sync.systems import open_source, open_target
from tests.integration.wire import Wire

# A fork of this process would take the locks of its threads along; the server forks before there are any.
PROCESSES = multiprocessing.get_context("forkserver")
# What a pass would load, so that no process has to.
PROCESSES.set_forkserver_preload(
    [
        "pytest",  # the main module, which each process imports
        "tests.integration.killing",
        "sync.sources.mysql.source",
        "sync.connections.mysql_connection",
        "sync.sources.mongodb.source",
        "pymongo",
        "sync.targets.postgresql.target",
    ]
)
TRANSIENT, FENCED = 75, 76


def through(url: str, wire: Wire) -> str:
    """The URL of a server, by way of a wire. A driver must not ask the server for its other addresses."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "mongodb" and options.pop("replicaSet", None):
        # A server that was killed does not come back under the pass: the driver need not wait for it long.
        options |= {"directConnection": "true", "serverSelectionTimeoutMS": "3000"}
    netloc = parts.netloc.replace(f":{parts.port}", f":{wire.port}")
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(options)))


def one_pass(table: Table, source_url: str, target_url: str) -> None:
    """A pass, in this process: its exit code is `TRANSIENT` where a server was lost, `FENCED` where the lease
    was."""
    with closing(open_source(source_url)) as source, closing(open_target(target_url)) as target:
        try:
            run_pass(table, source, target, "victim", Options(compare=Compare.COUNTS))
        except TransientError:
            sys.exit(TRANSIENT)
        except LeaseLost:
            sys.exit(FENCED)


@dataclass
class Victim:
    """Passes of one table in processes of their own, most of them by way of wires."""

    table: Table
    source: str
    target: str

    def begin(self) -> BaseProcess:
        process = PROCESSES.Process(target=one_pass, args=(self.table, self.source, self.target))
        process.start()
        return process

    def run(self) -> int:
        """A pass; returns its exit code."""
        process = self.begin()
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    def signalled(self, number: signal.Signals, wire: Wire, step: int, goes_on: bool) -> BaseProcess:
        """Begin a pass and send it a signal when it begins a step of the wire. Whether the server still gets
        that message is `goes_on`. Returns when the signal was sent, or the pass was done before."""
        begun, struck = Event(), Event()

        def strike() -> bool:
            begun.wait()
            os.kill(process.pid or 0, number)
            struck.set()
            return goes_on

        wire.at_step(step, strike)
        process = self.begin()
        begun.set()
        while not struck.wait(0.01) and process.is_alive():
            pass
        wire.disarm()
        return process
