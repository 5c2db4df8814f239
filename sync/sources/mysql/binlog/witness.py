"""Whether a server's log is still the one that a position was taken in.

File, offset and GTIDs are numbers that a server uses again when its log is begun anew (`RESET MASTER`,
`RESET BINARY LOGS AND GTIDS`), or when an empty server takes its place. What it does not use again are the
moments of the events with which a file begins and the numbers of its XID events. A file only grows, so when
its beginning is known its offsets are, too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pymysql

from sync.errors import SyncError
from sync.sources.mysql.binlog.dump import FIRST_EVENT, dump_file
from sync.sources.mysql.binlog.events import ARTIFICIAL, HEADER, HEADER_BYTES, TYPE, Type
from sync.sources.mysql.binlog.packets import events
from sync.sources.mysql.binlog.position import RELOAD, BinlogPosition, Witness, file_number
from sync.sources.mysql.binlog.server import Server, refusal

EVENTS = 50  # more than any file has before its first transaction ends
STAMP = struct.Struct("<IBII")  # of an event: when, its type, which server's, where it ends
NUMBERED = {int(Type.XID), int(Type.QUERY)}  # bodies begin with the XID, or a thread and how long it took
NUMBER_BYTES = 8
NOT_IN_THE_FILE = {int(Type.HEARTBEAT), int(Type.HEARTBEAT_V2)}

Connect = Callable[[], "pymysql.Connection[Any]"]


def witness(connect: Connect, server: Server, file: str, count: int = EVENTS) -> Witness | None:
    """What a log file begins with, up to so many events; None when the server does not send it.

    `connect` opens a connection for this alone. Raises PyMySQL's errors.
    """
    digest, seen = sha256(), 0
    with closing(connect()) as connection:
        try:
            dump_file(connection, server, file, FIRST_EVENT)
            entered = False
            for data, start, _ in events(connection, lambda beginning: False):
                code = data[start + TYPE]
                if code == Type.ROTATE and entered:  # the next file
                    break
                entered = True
                moment, _, origin, _, end, flags = HEADER.unpack_from(data, start)
                if flags & ARTIFICIAL or code in NOT_IN_THE_FILE or not end:
                    continue
                digest.update(STAMP.pack(moment, code, origin, end))
                if code in NUMBERED:
                    body = start + HEADER_BYTES
                    digest.update(data[body : body + NUMBER_BYTES])
                seen += 1
                if seen == count:
                    break
        except pymysql.err.MySQLError as error:
            if refusal(error) is None:
                raise
            return None
        finally:
            connection._force_close()  # type: ignore[attr-defined]  # the stream may not be at its end
    return Witness(server.identity, file, seen, digest.hexdigest()) if seen else None


def witnessed(connection: pymysql.Connection[Any], connect: Connect, position: str) -> str:
    """The position of the snapshot that a connection has opened, with what its file begins with.

    As it is where the user may not follow the log, since nobody will begin there then. MariaDB's is exact:
    its file, offset and GTIDs belong together.
    """
    try:
        server = Server.ask(connection)
        here = BinlogPosition.parse(position)
        found = witness(connect, server, here.file)
    except SyncError:
        return position
    if found is None:
        return position
    return str(replace(here, server=server.identity if server.mariadb else "", witnesses=(found,)))


def verify(connect: Connect, server: Server, start: BinlogPosition, bound: BinlogPosition) -> None:
    """Raises `SyncError` when the server is that of `start`, and its log another one.

    A file that was purged proves nothing. Of another server, after a failover, the GTIDs have to tell.
    """
    for known in start.witnesses:
        if known.server != server.identity or known in bound.witnesses:
            continue
        found = witness(connect, server, known.file, known.events)
        if found != known and (found or not _purged(connect, known.file)):
            raise SyncError(
                f"binlog position {start}: the server's {known.file} is not the one that the position was"
                f" taken in: its log was begun anew (RESET MASTER), or it was restored or replaced. {RELOAD}"
            )


def _purged(connect: Connect, file: str) -> bool:
    with closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW BINARY LOGS")
        row = cursor.fetchone()
    return bool(row) and file_number(file) < file_number(row[0])
