"""Row events: which there are, and where in them the rows begin.

https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Rows__event.html,
https://mariadb.com/kb/en/rows_event_v1v2-rows_compressed_event_v1/. Version 2 has extra data, whose length
comes first, before the count of columns. MariaDB compresses what comes after the bitmaps of present columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sync.sources.mysql.binlog.compression import mariadb_compressed
from sync.sources.mysql.binlog.events import HEADER_BYTES, Event, Type
from sync.sources.mysql.binlog.rows import Change
from sync.sources.mysql.binlog.tables import SPILL_KEYS, Followed

TABLE_ID_BYTES = 6
FLAGS_BYTES = 2
NO_TABLE = b"\xff\xff\xff\0\0\0"  # of an event that has no rows and just ends a statement
WRITE, UPDATE, DELETE = Change.WRITE, Change.UPDATE, Change.DELETE
# What an event tells of, whether it has extra data, and how its rows are unpacked.
ROW_EVENTS: dict[int, tuple[Change, bool, Callable[[bytes], bytes] | None]] = {
    int(Type.WRITE_ROWS_V1): (WRITE, False, None),
    int(Type.UPDATE_ROWS_V1): (UPDATE, False, None),
    int(Type.DELETE_ROWS_V1): (DELETE, False, None),
    int(Type.WRITE_ROWS): (WRITE, True, None),
    int(Type.UPDATE_ROWS): (UPDATE, True, None),
    int(Type.DELETE_ROWS): (DELETE, True, None),
    int(Type.PARTIAL_UPDATE_ROWS): (Change.PARTIAL_UPDATE, True, None),
    int(Type.WRITE_ROWS_COMPRESSED_V1): (WRITE, False, mariadb_compressed),
    int(Type.UPDATE_ROWS_COMPRESSED_V1): (UPDATE, False, mariadb_compressed),
    int(Type.DELETE_ROWS_COMPRESSED_V1): (DELETE, False, mariadb_compressed),
    int(Type.WRITE_ROWS_COMPRESSED): (WRITE, True, mariadb_compressed),
    int(Type.UPDATE_ROWS_COMPRESSED): (UPDATE, True, mariadb_compressed),
    int(Type.DELETE_ROWS_COMPRESSED): (DELETE, True, mariadb_compressed),
}


def table_id(data: bytes, start: int) -> bytes:
    """The number that a TABLE_MAP gave the table, as it is stored."""
    return data[start + HEADER_BYTES : start + HEADER_BYTES + TABLE_ID_BYTES]


def read_row_event(event: Event, followed: Sequence[Followed]) -> int:
    """Collect the keys of one row event for all that follow its table; returns how many rows it has."""
    data, start, end = event
    change, extended, expand = ROW_EVENTS[data[start + 4]]
    position = start + HEADER_BYTES + TABLE_ID_BYTES + FLAGS_BYTES
    if extended:
        position += int.from_bytes(data[position : position + 2], "little")
    count = 0
    for layout, group in followed:
        count = layout.read(change, data, position, end, expand, group.stored.add)
        if len(group.stored) > SPILL_KEYS:
            group.spill()
    return count
