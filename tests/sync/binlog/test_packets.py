"""The stream cut into events, wherever it happens to be split."""

import io
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.sources.mysql.binlog.packets import FULL_PACKET, events

END = b"\xfe\x00\x00\x02\x00"


class Trickle(io.RawIOBase):
    """Gives as many bytes at a time as it was told."""

    def __init__(self, stream: bytes, sizes: list[int]) -> None:
        self._stream, self._sizes = io.BytesIO(stream), sizes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._sizes.pop() if self._sizes else 1 << 20
        return self._stream.readinto(memoryview(buffer)[:size])


def packets(payload: bytes) -> bytes:
    parts = [payload[start : start + FULL_PACKET] for start in range(0, len(payload) + 1, FULL_PACKET)]
    return b"".join(len(part).to_bytes(3, "little") + b"\x01" + part for part in parts)


def read(stream: bytes, sizes: list[int], wanted: bool = True) -> list[bytes]:
    connection: Any = SimpleNamespace(_rfile=io.BufferedReader(Trickle(stream, sizes)))
    return [data[start:end] for data, start, end in events(connection, lambda beginning: wanted)]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 500)))
def test_events_come_out_as_they_went_in_however_the_stream_is_split(
    bodies: list[bytes], sizes: list[int]
) -> None:
    stream = b"".join(packets(b"\0" + body) for body in bodies) + packets(END)
    assert read(stream, sizes) == bodies


def test_events_of_several_packets_come_whole_or_not_at_all() -> None:
    sizes = [FULL_PACKET - 2, FULL_PACKET - 1, FULL_PACKET, 2 * FULL_PACKET - 1, 5]
    bodies = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    stream = b"".join(packets(b"\0" + body) for body in bodies) + packets(END)
    assert read(stream, [1000] * 50) == bodies
    assert [len(event) for event in read(stream, [], wanted=False)] == [FULL_PACKET - 2, 19, 19, 19, 5]


def test_an_error_of_the_server_is_raised_and_a_lost_connection_named() -> None:
    with pytest.raises(pymysql.err.MySQLError, match="Could not find first log"):
        read(packets(b"\xff\xd4\x04#HY000Could not find first log"), [])
    with pytest.raises(pymysql.err.OperationalError, match="Lost connection"):
        read(packets(b"\0whole") + b"\x09\0\0\1\0ha", [])
