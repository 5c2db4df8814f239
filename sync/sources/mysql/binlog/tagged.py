"""MySQL's GTIDs with a tag (8.3 and later), whose events are written by its serialization library.

An event is its version, its size and the last field that must be understood, then fields, each after its
number. Integers have one to nine bytes: the ones that the lowest byte ends in count the bytes that follow.
https://dev.mysql.com/doc/dev/mysql-server/latest/PageLibsMysqlSerialization.html
"""

from __future__ import annotations

import uuid

from sync.errors import SyncError
from sync.sources.mysql.binlog.events import HEADER_BYTES, Event, Gtid

FLAGS, UUID_FIELD, NUMBER, TAG = range(4)
UUID_BYTES = 16


def tagged_gtid(event: Event) -> Gtid:
    """The tag is part of the source, as it is in the text of a set."""
    data, start, _ = event
    position = start + HEADER_BYTES
    for _ in range(3):
        _, position = _integer(data, position)
    server, number = [], 0
    while True:
        field, position = _integer(data, position)
        if field == FLAGS:
            _, position = _integer(data, position)
        elif field == UUID_FIELD:
            for _ in range(UUID_BYTES):
                byte, position = _integer(data, position)
                server.append(byte)
        elif field == NUMBER:
            number, position = _integer(data, position)
            number >>= 1  # the lowest bit is that of the sign
        elif field == TAG and server:
            length, position = _integer(data, position)
            tag = data[position : position + length].decode()
            return Gtid(f"{uuid.UUID(bytes=bytes(server))}:{tag}", number)
        else:
            raise SyncError(f"a tagged GTID in the binlog has a field {field}, which is not known")


def _integer(data: bytes, position: int) -> tuple[int, int]:
    """A number without its sign, and where it ends."""
    first = data[position]
    more = (~first & (first + 1)).bit_length() - 1  # how many ones it ends in
    size = more + 1
    value = int.from_bytes(data[position : position + size], "little")
    return value >> min(size, 8), position + size
