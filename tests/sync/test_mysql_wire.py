"""Result packets cut into rows, wherever the stream happens to be split."""

from hypothesis import given
from hypothesis import strategies as st

from sync.sources.mysql.wire import FULL_PACKET, _lacking, _split

END = b"\xfe\x00\x00\x22\x00"


def packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\x07" + payload


def encoded(row: bytes) -> bytes:
    """A row of one column as packets: a length-encoded string, cut at the longest packet."""
    if len(row) < 251:
        payload = bytes([len(row)]) + row
    elif len(row) < 1 << 16:
        payload = b"\xfc" + len(row).to_bytes(2, "little") + row
    elif len(row) < 1 << 24:
        payload = b"\xfd" + len(row).to_bytes(3, "little") + row
    else:
        payload = b"\xfe" + len(row).to_bytes(8, "little") + row
    starts = range(0, len(payload) + 1, FULL_PACKET)
    return b"".join(packet(payload[start : start + FULL_PACKET]) for start in starts)


def read(stream: bytes, pieces: list[int]) -> list[bytes]:
    rows, rest, position = [], b"", 0
    while True:
        found, rest, last = _split(rest)
        rows += found
        if last is not None:
            assert last == END
            return rows
        size = max(pieces.pop() if pieces else 1 << 20, _lacking(rest))
        rest += stream[position : position + size]
        position += size


@given(st.lists(st.binary(max_size=300)), st.lists(st.integers(1, 500)))
def test_rows_come_out_as_they_went_in_however_the_stream_is_split(
    rows: list[bytes], pieces: list[int]
) -> None:
    stream = b"".join(map(encoded, rows)) + packet(END)
    assert read(stream, pieces) == rows


def test_rows_of_every_length_class_come_out_whole() -> None:
    sizes = [0, 250, 251, 65_535, 65_536, FULL_PACKET - 4, FULL_PACKET, FULL_PACKET + 9]
    rows = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    assert read(b"".join(map(encoded, rows)) + packet(END), [1000] * 50) == rows
