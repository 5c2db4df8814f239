"""A TCP proxy before a server, which does something at a chosen step of what passes through it.

So a test can send a signal between any two statements of a program that knows nothing of it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from types import TracebackType
from typing import Self

PIECE = 1 << 16


class Wire:
    """Passes connections on to `port` of this machine until it is left.

    A step is a message of a client that comes after an answer of the server: a statement, its data, a commit.
    `steps` counts them over all connections; `received` counts the bytes that the server sent, `commits` the
    commits that a client of PostgreSQL asked for.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self.disarm()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def at_step(self, step: int, action: Callable[[], bool]) -> None:
        """Do `action` when a client's message would begin that step. The message waits for it, and goes on
        to the server if it returns True."""
        self._arm(lambda: self.steps >= step, action)

    def at_byte(self, byte: int, action: Callable[[], bool]) -> None:
        """Do `action` when the server has sent that many bytes, in the same way."""
        self._arm(lambda: self.received >= byte, action)

    def at_commit(self, commit: int, answered: bool, action: Callable[[], bool]) -> None:
        """Do `action` in the same way when a client asks for that commit, or when the server answers it."""
        self._arm(lambda: self.commits >= commit and self._asking is not answered, action)

    def lose(self) -> None:
        """Pass no answer on from now, and take no connection."""
        self._is_lost = True

    def disarm(self) -> None:
        """Count anew, do nothing, and be there again."""
        self._is_lost = False
        self._arm(lambda: False, lambda: True)

    def _arm(self, due: Callable[[], bool], action: Callable[[], bool]) -> None:
        with self._lock:
            self.steps = self.received = self.commits = 0
            self._asking = False
            self._due, self._action = due, action

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_lost:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self._server_port))
                except OSError:
                    client.close()
                    continue
                self._open += (client, server)
                turn = [True]  # whether the client's next message begins a step
                Thread(target=self._pass_on, args=(client, server, turn, True), daemon=True).start()
                Thread(target=self._pass_on, args=(server, client, turn, False), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, turn: list[bool], asks: bool) -> None:
        try:
            while (piece := one.recv(PIECE)) and self._may_pass(piece, turn, asks):
                if self._is_lost and not asks:
                    return
                other.sendall(piece)
        except OSError:
            return  # one of them is gone
        finally:
            for each in (one, other):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _may_pass(self, piece: bytes, turn: list[bool], asks: bool) -> bool:
        with self._lock:
            if asks:
                self.steps += turn[0]
                self.commits += b"COMMIT\0" in piece
            else:
                self.received += len(piece)
            turn[0], self._asking = not asks, asks
            if not self._due():
                return True
            self._due, action = lambda: False, self._action
        return action()  # what passes on other connections does not wait for it
