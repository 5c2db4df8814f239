"""The dump's packets cut into events.

A packet is three bytes of length, one of sequence and, at the start of an event, a status byte: 0 before an
event, 0xFE at the log's end, 0xFF before an error. An event of 16 MiB or more goes on in further packets,
which have no status byte (https://mariadb.com/kb/en/3-binlog-network-stream/,
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pymysql

from sync.sources.mysql.binlog.events import HEADER_BYTES, Event

READ_BYTES = 1 << 18
FULL_PACKET = 0xFFFFFF
PACKET_HEADER = 4
BEGINNING_BYTES = 64
OK, END, ERROR = 0x00, 0xFE, 0xFF


def events(connection: pymysql.Connection[Any], wanted: Callable[[bytes], bool]) -> Iterator[Event]:
    """The events that the server sends, until it says that the log ends.

    `wanted` is asked with the beginning of an event of 16 MiB or more; of one that is not wanted just the
    header comes. Raises PyMySQL's errors, `TimeoutError` after the connection's read_timeout.
    """
    stream: Any = connection._rfile  # type: ignore[attr-defined]
    buffer = b""
    while True:
        position, end = 0, len(buffer)
        while end - position > PACKET_HEADER:
            length = buffer[position] | buffer[position + 1] << 8 | buffer[position + 2] << 16
            start, stop = position + PACKET_HEADER, position + PACKET_HEADER + length
            if length == FULL_PACKET or stop > end:
                break
            if buffer[start]:
                _finish(buffer[start:stop])
                return
            yield buffer, start + 1, stop
            position = stop
        rest = buffer[position:]
        if len(rest) >= PACKET_HEADER and int.from_bytes(rest[:3], "little") == FULL_PACKET:
            event, buffer = _continued(stream, rest, wanted)
            yield event, 1, len(event)
        else:
            buffer = rest + _receive(stream, rest)


def _finish(packet: bytes) -> None:
    if packet[0] == ERROR:
        pymysql.err.raise_mysql_exception(packet)
    if packet[0] != END:
        raise pymysql.err.InternalError(f"a packet of the dump begins with {packet[0]:#x}")


def _receive(stream: Any, rest: bytes) -> bytes:
    """The next bytes: all that an unfinished packet lacks, since growing it bit by bit would be quadratic."""
    lacking = 0
    if len(rest) >= PACKET_HEADER:
        lacking = PACKET_HEADER + int.from_bytes(rest[:3], "little") - len(rest)
    data: bytes = stream.read(lacking) if lacking > READ_BYTES else stream.read1(READ_BYTES)
    if not data:
        raise pymysql.err.OperationalError(2013, "Lost connection to MySQL server while it sent its binlog")
    return data


def _continued(stream: Any, rest: bytes, wanted: Callable[[bytes], bool]) -> tuple[bytes, bytes]:
    """An event of several packets, and what was read after it."""
    parts: list[bytes] = []
    keep, length = True, FULL_PACKET
    while length == FULL_PACKET:
        while len(rest) < PACKET_HEADER:
            rest += _receive(stream, rest)
        length = int.from_bytes(rest[:3], "little")
        while len(rest) < PACKET_HEADER + length:
            rest += _receive(stream, rest)
        packet, rest = rest[PACKET_HEADER : PACKET_HEADER + length], rest[PACKET_HEADER + length :]
        if not parts:
            keep = wanted(packet[1:BEGINNING_BYTES])
            parts.append(packet if keep else packet[: 1 + HEADER_BYTES])
        elif keep:
            parts.append(packet)
    return b"".join(parts), rest
