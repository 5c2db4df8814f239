"""Which loopback port each server has: chosen once per home, remembered, moved when a stranger took it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from threading import RLock

import psutil

from stack.home import Home, StackError

OFFSETS = {
    "mysql": 0, "mongodb": 1, "postgres": 2, "ui": 3, "real_mysql": 4,
    "s3": 5, "db2": 6, "derby": 7, "redshift": 8, "metrics": 9,
    "hdfs": 10, "hdfs_web": 11, "hdfs_1": 12, "hdfs_2": 13, "snowflake": 14,
    "bigquery": 15, "bigquery_storage": 16,
}  # fmt: skip
BLOCK = 20  # for a home and the one inside it
LOWEST, HIGHEST = 21000, 32760  # Linux hands out ports for outgoing connections from 32768 up
BASE_VARIABLE = "SOFTCART_PORT_BASE"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def owner(port: int) -> str:
    """The process that listens on a port, as far as this user may see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}"
    except psutil.Error:
        pass
    return "a process that this user can't see"


def explicit_base(home: Home) -> int | None:
    """The first port as SOFTCART_PORT_BASE says, None where it isn't set or speaks of another home.

    Raises:
        StackError: it is no port number that leaves room for the block.
    """
    text = os.environ.get(BASE_VARIABLE)
    if not text or not home.ports_may_be_fixed:
        return None
    if not text.isdigit() or not 1024 <= int(text) <= 65535 - BLOCK:
        raise StackError(f"{BASE_VARIABLE} is {text!r}: give a port number from 1024 to {65535 - BLOCK}")
    return int(text)


class Ports:
    """The ports of one home, remembered in its ``ports.json``."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = home.root / "ports.json"
        self._lock = RLock()  # servers start side by side

    def known(self) -> dict[str, int]:
        """What was chosen before; empty before the first ``up``."""
        try:
            return {str(name): int(port) for name, port in json.loads(self._path.read_text()).items()}
        except (FileNotFoundError, ValueError):
            return {}

    def wanted(self) -> dict[str, int]:
        """The port of each server: as SOFTCART_PORT_BASE says, else as remembered, else a free block."""
        with self._lock:
            known, base = self.known(), explicit_base(self._home)
            if base is not None:
                return self._remember({name: base + offset for name, offset in OFFSETS.items()})
            if set(OFFSETS) <= set(known):
                return known
            base = next(self._free_blocks())
            return self._remember({name: base + offset for name, offset in OFFSETS.items()} | known)

    def replace(self, name: str) -> int:
        """Another port for a server whose own is taken by a stranger.

        Raises:
            StackError: SOFTCART_PORT_BASE fixes the port, so the user has to decide.
        """
        taken = self.wanted()[name]
        if explicit_base(self._home) is not None:
            raise StackError(
                f"port {taken}, wanted for {name}, is taken by {owner(taken)}: "
                f"stop that process or set {BASE_VARIABLE} to another number"
            )
        with self._lock:
            port = next(self._free_blocks()) + OFFSETS[name]
            self._remember({**self.wanted(), name: port})
        return port

    def _remember(self, ports: dict[str, int]) -> dict[str, int]:
        if ports != self.known():
            self._home.write_private(self._path, json.dumps(ports))
        return ports

    def _free_blocks(self) -> Iterator[int]:
        """Blocks of ports that are all free, beginning at a place that differs from folder to folder."""
        count = (HIGHEST - LOWEST) // BLOCK
        first = int.from_bytes(hashlib.sha256(os.fsencode(self._home.root)).digest()[:4], "big")
        for step in range(count):
            base = LOWEST + (first + step) % count * BLOCK
            if all(is_free(base + offset) for offset in OFFSETS.values()):
                yield base
        raise StackError(f"no block of free ports from {LOWEST} to {HIGHEST}: set {BASE_VARIABLE}")
