"""The stored bytes of a key's columns as values, and values as SQL.

A value has the type that its text in SQL follows from: int (also BIT and YEAR), Decimal, float, bytes (binary
types), str for all else: text, ENUM and SET by their labels, temporal types, UUID and INET as MySQL prints
them, a TIMESTAMP in UTC. The temporal formats are those of MySQL 5.6 and later
(https://dev.mysql.com/doc/dev/mysql-server/latest/my__time_8cc.html,
https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sync.sources.mysql.binlog import table_map as physical
from sync.sources.mysql.binlog.table_map import FRACTIONAL, Physical, digit_bytes

Value = int | Decimal | float | str | bytes
Decode = Callable[[bytes], Value]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def literal(value: Value) -> str:
    """A value in SQL: it finds its row by an index, whatever the session's sql_mode."""
    if isinstance(value, str):
        return f"_utf8mb4 x'{value.encode().hex()}'"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float):
        return f"{value!r}e0" if "e" not in repr(value) else repr(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def integer(unsigned: bool) -> Decode:
    return partial(int.from_bytes, byteorder="little", signed=not unsigned)


def bits(data: bytes) -> Value:
    return int.from_bytes(data, "big")


def year(data: bytes) -> Value:
    return 1900 + data[0] if data[0] else 0


def real(column: Physical) -> Decode:
    form = struct.Struct("<f" if column.length == 4 else "<d")
    return lambda data: float(form.unpack(data)[0])


def decimal(column: Physical) -> Decode:
    """Groups of nine digits in four bytes, big-endian, the shorter groups at the outer ends; the first bit is
    that of the sign, inverted, and a negative number is the complement."""
    precision, scale = column.metadata & 0xFF, column.metadata >> 8
    whole, middle = precision - scale, digit_bytes(precision - scale)

    def decode(data: bytes) -> Value:
        negative = not data[0] & 0x80
        plain = bytes([data[0] ^ 0x80]) + data[1:]
        if negative:
            plain = bytes(byte ^ 0xFF for byte in plain)
        first, last = whole % 9, scale % 9
        digits = _groups(plain[:middle], first, leading=True) + _groups(plain[middle:], last, leading=False)
        point = len(digits) - scale
        return Decimal(f"{'-' if negative else ''}{digits[:point]}.{digits[point:]}")

    return decode


def _groups(data: bytes, odd: int, leading: bool) -> str:
    size = digit_bytes(odd)
    if leading:
        head = [_digits(data[:size], odd)] if odd else []
        return "".join(head + [_digits(data[at : at + 4], 9) for at in range(size, len(data), 4)])
    whole = len(data) - size
    tail = [_digits(data[whole:], odd)] if odd else []
    return "".join([_digits(data[at : at + 4], 9) for at in range(0, whole, 4)] + tail)


def _digits(data: bytes, count: int) -> str:
    return str(int.from_bytes(data, "big")).zfill(count)


def date(data: bytes) -> Value:
    packed = int.from_bytes(data, "little")
    return f"{packed >> 9:04}-{packed >> 5 & 15:02}-{packed & 31:02}"


def _fraction(data: bytes, digits: int) -> str:
    """The digits of a second, stored as hundredths, ten-thousandths or millionths."""
    if not digits:
        return ""
    return "." + str(int.from_bytes(data, "big")).zfill(len(data) * 2)[:digits]


def datetime2(column: Physical) -> Decode:
    """From the top: a bit that is set, 17 of year * 13 + month, five of the day, five, six and six of the
    time."""

    def decode(data: bytes) -> Value:
        packed = int.from_bytes(data[:5], "big") - (1 << 39)
        months, day = packed >> 22, packed >> 17 & 31
        clock = f"{packed >> 12 & 31:02}:{packed >> 6 & 63:02}:{packed & 63:02}"
        return f"{months // 13:04}-{months % 13:02}-{day:02} {clock}{_fraction(data[5:], column.metadata)}"

    return decode


def timestamp2(column: Physical) -> Decode:
    def decode(data: bytes) -> Value:
        seconds = int.from_bytes(data[:4], "big")
        fraction = _fraction(data[4:], column.metadata)
        if not seconds:  # the only moment that it does not hold
            return f"0000-00-00 00:00:00{fraction}"
        return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}{fraction}"

    return decode


def time2(column: Physical) -> Decode:
    """Ten bits of hours, six and six, and the fraction, all as one number with an offset, so that a negative
    time is the complement of the whole."""
    size = FRACTIONAL[physical.TIME2]

    def decode(data: bytes) -> Value:
        packed = int.from_bytes(data, "big") - (1 << 8 * len(data) - 1)
        sign, packed = ("-", -packed) if packed < 0 else ("", packed)
        fraction = packed.to_bytes(len(data), "big")[size:]
        packed >>= 8 * (len(data) - size)
        clock = f"{packed >> 12 & 1023:02}:{packed >> 6 & 63:02}:{packed & 63:02}"
        return f"{sign}{clock}{_fraction(fraction, column.metadata)}"

    return decode


def text(codec: str) -> Decode:
    return lambda data: data.decode(codec)


def latin1(data: bytes) -> Value:
    """MySQL's latin1 is Windows-1252, whose five gaps it fills with control characters."""
    return "".join(
        bytes([byte]).decode("cp1252", errors="replace") if byte not in GAPS else chr(byte) for byte in data
    )


GAPS = {0x81, 0x8D, 0x8F, 0x90, 0x9D}


def padded(length: int) -> Decode:
    """BINARY: the log leaves out the zero bytes at the end."""
    return lambda data: data.ljust(length, b"\0")


def enum(labels: tuple[str, ...]) -> Decode:
    """The number of a label, 0 for the empty string of an invalid value."""

    def decode(data: bytes) -> Value:
        number = int.from_bytes(data, "little")
        return labels[number - 1] if number else ""

    return decode


def members(labels: tuple[str, ...]) -> Decode:
    """SET: a bit for each label."""

    def decode(data: bytes) -> Value:
        chosen = int.from_bytes(data, "little")
        return ",".join(label for bit, label in enumerate(labels) if chosen >> bit & 1)

    return decode
