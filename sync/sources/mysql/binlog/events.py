"""Binlog events: their header, and what of their bodies is needed.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html,
https://dev.mysql.com/doc/dev/mysql-server/latest/namespacemysql_1_1binlog_1_1event.html,
https://mariadb.com/kb/en/2-binlog-event-header/ and the pages beside it.
All integers are little-endian. Offsets here are those in the buffer that an event lies in.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from enum import IntEnum

from sync.errors import SyncError

Event = tuple[bytes, int, int]  # a buffer, and where in it an event begins and ends
HEADER_BYTES = 19
TYPE = 4  # where in the header the type stands
HEADER = struct.Struct(
    "<IBIIIH"
)  # of HEADER_BYTES: timestamp, type, server id, length, end in the file, flags
CHECKSUM_BYTES = 4
IGNORABLE, ARTIFICIAL = 0x80, 0x20  # flags of a header
GROUP_COMMIT, PREPARED_XA = 2, 64  # flags of MariaDB's GTID event


class Type(IntEnum):
    """The types of events that this reader knows."""

    QUERY = 2
    STOP = 3
    ROTATE = 4
    INTVAR = 5
    APPEND_BLOCK = 9
    RAND = 13
    USER_VAR = 14
    FORMAT_DESCRIPTION = 15
    XID = 16
    BEGIN_LOAD_QUERY = 17
    EXECUTE_LOAD_QUERY = 18
    TABLE_MAP = 19
    WRITE_ROWS_V1 = 23
    UPDATE_ROWS_V1 = 24
    DELETE_ROWS_V1 = 25
    INCIDENT = 26
    HEARTBEAT = 27
    IGNORABLE = 28
    ROWS_QUERY = 29
    WRITE_ROWS = 30
    UPDATE_ROWS = 31
    DELETE_ROWS = 32
    GTID = 33
    ANONYMOUS_GTID = 34
    PREVIOUS_GTIDS = 35
    TRANSACTION_CONTEXT = 36
    VIEW_CHANGE = 37
    XA_PREPARE = 38
    PARTIAL_UPDATE_ROWS = 39
    TRANSACTION_PAYLOAD = 40
    HEARTBEAT_V2 = 41
    GTID_TAGGED = 42
    ANNOTATE_ROWS = 160
    BINLOG_CHECKPOINT = 161
    MARIADB_GTID = 162
    MARIADB_GTID_LIST = 163
    START_ENCRYPTION = 164
    QUERY_COMPRESSED = 165
    WRITE_ROWS_COMPRESSED_V1 = 166
    UPDATE_ROWS_COMPRESSED_V1 = 167
    DELETE_ROWS_COMPRESSED_V1 = 168
    WRITE_ROWS_COMPRESSED = 169
    UPDATE_ROWS_COMPRESSED = 170
    DELETE_ROWS_COMPRESSED = 171


@dataclass(frozen=True)
class Gtid:
    """A transaction's number, and who numbers it. `standalone` (MariaDB): one statement, no end follows."""

    source: str
    number: int
    standalone: bool = False


def type_name(code: int) -> str:
    return Type(code).name if code in Type.__members__.values() else f"type {code}"


def length_encoded(data: bytes, position: int) -> tuple[int, int]:
    """A length-encoded integer, and where it ends.
    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html"""
    first = data[position]
    if first < 0xFB:
        return first, position + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[position + 1 : position + 1 + size], "little"), position + 1 + size


def checksum_bytes(event: Event) -> int:
    """How many bytes of checksum end each event, as FORMAT_DESCRIPTION says. It has a checksum itself.

    The algorithm stands before the checksum: 0 none, 1 CRC32. Raises `SyncError` for any other.
    """
    data, _, end = event
    algorithm = data[end - CHECKSUM_BYTES - 1]
    if algorithm > 1:
        raise SyncError(f"the binlog's checksum algorithm {algorithm} is unknown; use CRC32 or NONE")
    return CHECKSUM_BYTES if algorithm else 0


def rotate(event: Event) -> tuple[str, int]:
    """The file that comes next, and the offset in it."""
    data, start, end = event
    body = start + HEADER_BYTES
    return data[body + 8 : end].decode(), int.from_bytes(data[body : body + 8], "little")


def mysql_gtid(event: Event) -> Gtid:
    """Flags, the server's UUID, the number."""
    data, start, _ = event
    body = start + HEADER_BYTES
    source = str(uuid.UUID(bytes=data[body + 1 : body + 17]))
    return Gtid(source, int.from_bytes(data[body + 17 : body + 25], "little"))


def mariadb_prepares(event: Event) -> str:
    """The XA transaction that MariaDB's GTID event begins, which will be prepared; as statements name it.

    Behind the flags stand the number of a group commit, if there is one, and of the transaction's name the
    format and the lengths of its two parts.
    """
    data, start, _ = event
    flags = data[start + HEADER_BYTES + 12]
    if not flags & PREPARED_XA:
        return ""
    at = start + HEADER_BYTES + 13 + (8 if flags & GROUP_COMMIT else 0)
    form, first, second = struct.unpack_from("<iBB", data, at)
    name = data[at + 6 : at + 6 + first + second]
    return f"X'{name[:first].hex()}',X'{name[first:].hex()}',{form}"


def mariadb_gtid(event: Event) -> Gtid:
    """The number, the domain, flags (https://mariadb.com/kb/en/gtid_event/); the server is the header's."""
    data, start, _ = event
    number, domain, flags = struct.unpack_from("<QIB", data, start + HEADER_BYTES)
    server = HEADER.unpack_from(data, start)[2]
    return Gtid(f"{domain}-{server}", number, standalone=bool(flags & 1))
