"""Rows of one column straight from MySQL's result packets.

PyMySQL reads packet by packet and makes a tuple of every row, which costs twice the time of all other work on
this side. Here a large read is cut into rows at once. The packets' layout is that of MySQL's text protocol:
three bytes of length, one of sequence, then the column as a length-encoded string
(https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql

READ_BYTES = 1 << 18
FULL_PACKET = 0xFFFFFF  # a packet of this length is continued in the next one
# First byte of a length-encoded string: a length up to 250, or how many bytes of length follow it.
LENGTH_BYTES = {0xFC: 3, 0xFD: 4, 0xFE: 9}
ERROR, END = 0xFF, 0xFE


def stream_column(connection: pymysql.Connection[Any], query: str) -> Iterator[list[bytes]]:
    """Run a query of one column that is never NULL and yield its values, some thousands at a time.

    The connection is usable again when the iterator is exhausted; one that was left early must be closed.
    Raises PyMySQL's errors, also those that the server sends between rows.
    """
    connection.query(query, unbuffered=True)
    result: Any = connection._result  # type: ignore[attr-defined]
    result.unbuffered_active, result.connection = False, None  # PyMySQL would read the rest on its own
    buffer = b""
    while True:
        rows, rest, last = _split(buffer)
        buffer = b""  # a long row is not kept twice
        if rows:
            yield rows
            rows = []
        if last is not None:
            if last[0] == ERROR:
                pymysql.err.raise_mysql_exception(last)
            return
        buffer = rest + _receive(connection, rest)


def _split(buffer: bytes) -> tuple[list[bytes], bytes, bytes | None]:
    """Cut complete rows off; returns them, the rest, and the closing packet if it was there."""
    rows: list[bytes] = []
    position, end = 0, len(buffer)
    while end - position > 4:
        length = buffer[position] | buffer[position + 1] << 8 | buffer[position + 2] << 16
        start = position + 4
        stop = start + length
        if stop > end:
            break
        first = buffer[start]
        if first < 0xFB:
            rows.append(buffer[start + 1 : stop])
        elif length == FULL_PACKET:
            row, stop = _continued(buffer, position)
            if row is None:
                break
            rows.append(row)
        elif first == ERROR or (first == END and length < 9):
            return rows, b"", buffer[start:stop]
        else:
            rows.append(buffer[start + LENGTH_BYTES[first] : stop])
        position = stop
    return rows, buffer[position:], None


def _continued(buffer: bytes, position: int) -> tuple[bytes | None, int]:
    """Join a row of several packets; returns None for it while its last packet is not there yet."""
    view, parts, length = memoryview(buffer), [], FULL_PACKET
    skipped = LENGTH_BYTES[buffer[position + 4]]
    while length == FULL_PACKET:
        header = buffer[position : position + 4]
        length = int.from_bytes(header[:3], "little")
        start, position = position + 4, position + 4 + length
        if len(header) < 4 or position > len(buffer):
            return None, 0
        parts.append(view[start + skipped : position])
        skipped = 0
    return b"".join(parts), position


def _receive(connection: pymysql.Connection[Any], rest: bytes) -> bytes:
    """The next bytes: all that an unfinished row lacks, since growing it bit by bit would be quadratic."""
    lacking = _lacking(rest)
    stream: Any = connection._rfile  # type: ignore[attr-defined]
    data: bytes = stream.read(lacking) if lacking > READ_BYTES else stream.read1(READ_BYTES)
    if not data:
        raise pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query")
    return data


def _lacking(rest: bytes) -> int:
    position, length = 0, FULL_PACKET
    while length == FULL_PACKET and position + 4 <= len(rest):
        length = int.from_bytes(rest[position : position + 3], "little")
        position += 4 + length
    return position - len(rest)
