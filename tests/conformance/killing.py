"""Passes of the mirror in processes of their own, by way of a wire, for the tests that kill them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from threading import Event

from sync.connections.postgresql import connect_postgresql
from sync.errors import TransientError
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from tests.conformance.kits import Kit
from tests.conformance.shop import TABLES, VIEWS
from tests.integration.killing import PROCESSES, TRANSIENT, through
from tests.integration.wire import Wire


def one_pass(staging_url: str, kit: Kit) -> None:
    """A pass, in this process: its exit code is `TRANSIENT` where it may succeed later."""
    with closing(connect_postgresql(staging_url)) as staging, closing(kit.open()) as warehouse:
        try:
            mirror(PostgreSQLStaging(staging), warehouse, TABLES, "victim", kit.published(VIEWS))
        except TransientError:
            sys.exit(TRANSIENT)


@dataclass
class Victim:
    """Passes from staging into a warehouse that is reached by way of a wire."""

    staging_url: str
    kit: Kit
    wire: Wire

    def begin(self) -> BaseProcess:
        by_wire = replace(self.kit, url=through(self.kit.url, self.wire))
        process = PROCESSES.Process(target=one_pass, args=(self.staging_url, by_wire))
        process.start()
        return process

    def run(self) -> int:
        process = self.begin()
        process.join()
        assert process.exitcode is not None
        return process.exitcode

    def killed(self, step: int, goes_on: bool) -> bool:
        """Kill a pass when it begins a step of the wire, of which the server still gets the message or not;
        returns False for one that was done before."""
        begun, struck = Event(), Event()

        def strike() -> bool:
            begun.wait()
            os.kill(process.pid or 0, signal.SIGKILL)
            struck.set()
            return goes_on

        self.wire.at_step(step, strike)
        process = self.begin()
        begun.set()
        process.join()
        self.wire.disarm()
        return process.exitcode == -signal.SIGKILL

    def cut(self, step: int, by_server: bool) -> int:
        """Run a pass whose connection is cut at a step, or all of the server's are; returns its exit code."""

        def strike() -> bool:
            if by_server:
                self.kit.cut()
            return False

        return self._struck(step, strike)

    def lost(self, step: int, arrives: bool) -> int:
        """Run a pass that gets no answer from a step on, whatever it tries; the message of that step may
        still arrive. Returns its exit code."""

        def strike() -> bool:
            self.wire.lose()
            return arrives

        return self._struck(step, strike)

    def _struck(self, step: int, strike: Callable[[], bool]) -> int:
        self.wire.at_step(step, strike)
        code = self.run()
        self.wire.disarm()
        return code
