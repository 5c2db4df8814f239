"""COPY … TO STDOUT as an iterator: the driver pushes rows, a source is asked for them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Semaphore, Thread

from sync.connections import psycopg
from sync.connections.psycopg import Connection, sql
from sync.copytext import Chunk

CHUNK_BYTES = 1 << 20
CHUNKS_IN_FLIGHT = 2  # the one that is worked on and the next
LONG_BYTES = 8 << 20  # beyond which they would cost too much memory


class CopyOut:
    """One COPY, run by a thread that waits while its chunks are not asked for.

    The connection belongs to that thread until the iterator is exhausted or `stop` has returned; one that was
    stopped before the end can only be closed.
    """

    def __init__(self, connection: Connection, query: sql.Composed) -> None:
        self._connection = connection
        self._query = query
        self._passed: SimpleQueue[Chunk | BaseException | None] = SimpleQueue()
        self._room = Semaphore(CHUNKS_IN_FLIGHT)
        self._rows: list[bytes] = []
        self._size = 0
        self._stopped = False
        self._thread = Thread(target=self._copy, name="copy out", daemon=True)

    def chunks(self) -> Iterator[Chunk]:
        """The rows, in chunks of about a mebibyte. Raises psycopg2's errors."""
        self._thread.start()
        while (passed := self._passed.get()) is not None:
            if isinstance(passed, BaseException):
                raise passed
            yield passed
            del passed
            self._room.release()
        self._thread.join()

    def stop(self) -> None:
        """End the COPY wherever it is, even if the server has fallen silent."""
        if not self._thread.is_alive():
            return
        self._stopped = True
        self._room.release(1 + CHUNKS_IN_FLIGHT)  # all that one call of `_pass_on` may wait for
        # The driver may be waiting for the server: an end of the stream wakes it, without another connection.
        with (
            suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self._connection.fileno())) as stream,
        ):
            stream.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def write(self, row: bytes) -> None:
        """Called by the driver with one row."""
        self._rows.append(row)
        self._size += len(row)
        if self._size >= CHUNK_BYTES:
            self._pass_on()

    def _copy(self) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.copy_expert(self._query, self)
            self._pass_on()
        except BaseException as error:  # it is raised where the rows are asked for
            self._passed.put(error)
        else:
            self._passed.put(None)

    def _pass_on(self) -> None:
        rows, long = self._rows, self._size >= LONG_BYTES
        self._rows, self._size = [], 0
        if rows and not self._stopped:
            self._room.acquire()
            self._passed.put(Chunk(b"".join(rows), len(rows)))
            del rows
            if long:  # the driver gets the next row only when this one has been used
                for _ in range(CHUNKS_IN_FLIGHT):
                    self._room.acquire()
                self._room.release(CHUNKS_IN_FLIGHT)
