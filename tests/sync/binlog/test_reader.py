"""Events that servers write seldom, one by one."""

from __future__ import annotations

import zlib

import pytest

from sync.errors import SyncError
from sync.sources.mysql.binlog.events import HEADER, Event, Type
from sync.sources.mysql.binlog.position import BinlogPosition, earliest
from sync.sources.mysql.binlog.progress import Progress
from sync.sources.mysql.binlog.reader import LogReader
from sync.sources.mysql.binlog.server import Server
from sync.sources.mysql.binlog.tables import FollowedTables

MARIADB = Server(
    mariadb=True, identity="m", gtids="0-1-5", in_flight=0, names_columns=True, logs_cascades=False,
    fold_names=False,
)  # fmt: skip
START = BinlogPosition("binlog.000001", 1000, "0-1-5", "m")
FAR = BinlogPosition("binlog.000009", 4, "0-1-99", "m")


def reader() -> LogReader:
    def never() -> None:
        raise AssertionError("no catalog is asked")

    tables = FollowedTables([], MARIADB, never, {})  # type: ignore[arg-type]
    found = LogReader(tables, Progress(MARIADB, START, FAR, START.offset, proven=True), limit=1)
    found.take(event(Type.FORMAT_DESCRIPTION, bytes(57) + b"\x01", end=0))
    return found


def event(code: int, body: bytes, end: int, flags: int = 0) -> Event:
    """An event with its checksum, which ends at `end` in the file."""
    size = HEADER.size + len(body) + 4
    data = HEADER.pack(1_700_000_000, code, 1, size, end % (1 << 32), flags) + body
    return data + zlib.crc32(data).to_bytes(4, "little"), 0, size


def gtid(number: int, end: int, flags: int = 0) -> Event:
    body = number.to_bytes(8, "little") + (0).to_bytes(4, "little") + bytes([flags]) + bytes(6)
    return event(Type.MARIADB_GTID, body, end)


def test_an_event_that_is_not_known_is_refused_by_name_unless_it_may_be_ignored() -> None:
    with pytest.raises(SyncError, match="the event type 200 is not known"):
        reader().take(event(200, b"x", 1100))
    lenient = reader()
    assert not lenient.take(event(200, b"x", 1024, flags=0x80))
    assert lenient.progress.position.offset == 1024


def test_an_incident_and_a_damaged_event_are_refused() -> None:
    with pytest.raises(SyncError, match="reports an incident: its log may lack changes"):
        reader().take(event(Type.INCIDENT, b"\x01\x00\x00", 1100))
    data, start, end = event(Type.XID, bytes(8), 1100)
    with pytest.raises(SyncError, match="from 1000: the checksum of an event is wrong"):
        reader().take((data[:25] + b"!" + data[26:], start, end))


def test_rows_of_a_table_that_the_log_did_not_describe_are_refused() -> None:
    with pytest.raises(SyncError, match="belongs to no table"):
        reader().take(event(Type.WRITE_ROWS_V1, bytes(20), 1100))
    assert not reader().take(event(Type.WRITE_ROWS_V1, b"\xff\xff\xff\0\0\0" + bytes(20), 1100))


def test_a_heartbeat_is_not_part_of_the_log() -> None:
    waiting = reader()
    waiting.take(event(Type.HEARTBEAT, b"binlog.000001", 1000))
    waiting.take(gtid(6, 1042))
    waiting.take(event(Type.XID, bytes(8), 1073))
    assert waiting.progress.position == BinlogPosition("binlog.000001", 1073, "0-1-6", "m")


def test_a_transaction_may_end_beyond_four_gibibytes_of_its_file() -> None:
    long = reader()
    long.take(gtid(6, 1042))
    for _ in range(5):  # what is left of a large event of a foreign table
        long.take((HEADER.pack(0, Type.WRITE_ROWS_V1, 1, 1 << 30, 0, 0), 0, HEADER.size))
    long.take(event(Type.XID, bytes(8), 1042 + (5 << 30) + 31))
    assert long.progress.position.offset == 1042 + (5 << 30) + 31


def test_a_read_serves_positions_of_several_tables_from_the_earliest() -> None:
    one, two = BinlogPosition("b.000002", 50, "0-1-7", "m"), BinlogPosition("b.000010", 4, "0-1-9", "m")
    assert earliest([two, one]) == one
    mysql = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    read, status = (
        BinlogPosition("b.000001", 90, f"{mysql}:1-8", "s"),
        BinlogPosition("b.000001", 99, f"{mysql}:1-6:8"),
    )
    assert earliest([read, status]) == BinlogPosition("b.000001", 90, f"{mysql}:1-6:8")
    failed_over = BinlogPosition("c.000001", 4, "0-2-9,5-1-1", "n")
    assert earliest([one, failed_over]).gtids == "0-1-7"
    assert earliest([one, failed_over]).server == ""
