"""TABLE_MAP events: the table that the row events after them are about, and its columns' physical types.

https://dev.mysql.com/doc/dev/mysql-server/latest/classmysql_1_1binlog_1_1event_1_1Table__map__event.html,
https://mariadb.com/kb/en/table_map_event/. How a value is stored follows from type and metadata alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync.errors import SyncError
from sync.sources.mysql.binlog.events import length_encoded

DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE, NULL, TIMESTAMP = range(8)
LONGLONG, INT24, DATE, TIME, DATETIME, YEAR, NEWDATE = range(8, 15)
VARCHAR, BIT, TIMESTAMP2, DATETIME2, TIME2 = range(15, 20)
BLOB_COMPRESSED, VARCHAR_COMPRESSED = 140, 141  # MariaDB's compressed columns
VECTOR, JSON, NEWDECIMAL, ENUM, SET, BLOB, VAR_STRING, STRING, GEOMETRY = (
    242, 245, 246, 247, 248, 252, 253, 254, 255,
)  # fmt: skip

FIXED_LENGTHS = {
    TINY: 1, SHORT: 2, INT24: 3, LONG: 4, LONGLONG: 8, FLOAT: 4, DOUBLE: 8, YEAR: 1, NULL: 0,
    DATE: 3, NEWDATE: 3, TIME: 3, TIMESTAMP: 4, DATETIME: 8,
}  # fmt: skip
FRACTIONAL = {TIMESTAMP2: 4, DATETIME2: 5, TIME2: 3}  # bytes before those of the fraction
METADATA_LENGTHS = {
    **dict.fromkeys((FLOAT, DOUBLE, BLOB, JSON, GEOMETRY, VECTOR, BLOB_COMPRESSED, *FRACTIONAL), 1),
    **dict.fromkeys((VARCHAR, VAR_STRING, STRING, ENUM, SET, BIT, NEWDECIMAL, VARCHAR_COMPRESSED), 2),
}
NUMERIC = {DECIMAL, TINY, SHORT, INT24, LONG, LONGLONG, NEWDECIMAL, FLOAT, DOUBLE, YEAR}
DIGIT_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)  # of up to nine decimal digits
SIGNEDNESS, COLUMN_NAME = 1, 4  # kinds of optional metadata


@dataclass(frozen=True)
class Physical:
    """How a column's values are stored: in `length` bytes, or after `prefix` bytes that hold their length.

    `type` is MySQL's code of the stored type, `metadata` what goes with it (precision and scale of a decimal,
    digits of a second, bits). `unsigned` is None where the event does not say.
    """

    type: int
    metadata: int
    length: int
    prefix: int
    nullable: bool
    unsigned: bool | None = None


@dataclass(frozen=True)
class TableMap:
    """`names` is empty where binlog_row_metadata is not FULL."""

    database: str
    table: str
    columns: tuple[Physical, ...]
    names: tuple[str, ...]


def table_names(body: bytes) -> tuple[str, str, int]:
    """Database and table, and where the columns begin. `body` is the event after the table's id."""
    stop = 3 + body[2]
    start = stop + 2
    end = start + body[stop + 1]
    return body[3:stop].decode(), body[start:end].decode(), end + 1


def read_table_map(body: bytes) -> TableMap:
    """Raises `SyncError` for a type of column that is not known."""
    database, table, position = table_names(body)
    count, position = length_encoded(body, position)
    types, position = body[position : position + count], position + count
    size, position = length_encoded(body, position)
    stored, position = body[position : position + size], position + size
    nullable, position = body[position : position + (count + 7) // 8], position + (count + 7) // 8
    columns: list[Physical] = []
    used = 0
    for index, code in enumerate(types):
        width = METADATA_LENGTHS.get(code, 0)
        may_be_null = bool(nullable[index >> 3] >> (index & 7) & 1)
        try:
            columns.append(_physical(code, stored[used : used + width], may_be_null))
        except KeyError:
            raise SyncError(
                f"{database}.{table}: column {index + 1} has type {code} in the binlog, which is not known"
            ) from None
        used += width
    signs, names = _optional(body, position)
    return TableMap(database, table, tuple(_signed(columns, signs) if signs else columns), names)


def _physical(code: int, metadata: bytes, nullable: bool) -> Physical:
    value = int.from_bytes(metadata, "little")
    if code == STRING:
        return _string(metadata, nullable)
    if code in FIXED_LENGTHS:
        return Physical(code, value, FIXED_LENGTHS[code], 0, nullable)
    if code in FRACTIONAL:
        return Physical(code, value, FRACTIONAL[code] + (value + 1) // 2, 0, nullable)
    return Physical(code, value, *LENGTHS[code](metadata, value), nullable)


def _string(metadata: bytes, nullable: bool) -> Physical:
    """CHAR and BINARY, and also ENUM and SET. Two bits of a length above 255 are kept in the type's byte,
    inverted, since its own are always set."""
    code, length = metadata
    if code & 0x30 != 0x30:
        length |= ((code & 0x30) ^ 0x30) << 4
        code |= 0x30
    if code in (ENUM, SET):
        return Physical(code, 0, length, 0, nullable)
    return Physical(STRING, length, 0, 1 if length < 256 else 2, nullable)


def _prefixed(metadata: bytes, value: int) -> tuple[int, int]:
    return 0, 1 if value < 256 else 2


def _blob(metadata: bytes, value: int) -> tuple[int, int]:
    return 0, value


def _bits(metadata: bytes, value: int) -> tuple[int, int]:
    return metadata[1] + (metadata[0] > 0), 0


def _decimal(metadata: bytes, value: int) -> tuple[int, int]:
    precision, scale = metadata
    return digit_bytes(precision - scale) + digit_bytes(scale), 0


LENGTHS: dict[int, Callable[[bytes, int], tuple[int, int]]] = {
    VARCHAR: _prefixed, VAR_STRING: _prefixed, VARCHAR_COMPRESSED: _prefixed,
    BLOB: _blob, BLOB_COMPRESSED: _blob, JSON: _blob, GEOMETRY: _blob, VECTOR: _blob,
    BIT: _bits, NEWDECIMAL: _decimal,
}  # fmt: skip


def digit_bytes(digits: int) -> int:
    """How many bytes a decimal's digits take on one side of its point: four for nine, fewer for the rest."""
    return digits // 9 * 4 + DIGIT_BYTES[digits % 9]


def _optional(body: bytes, position: int) -> tuple[bytes, tuple[str, ...]]:
    """The bits of signedness and the columns' names, as far as the event has them."""
    signs, names = b"", []
    while position < len(body):
        kind = body[position]
        size, position = length_encoded(body, position + 1)
        end = position + size
        if kind == SIGNEDNESS:
            signs = body[position:end]
        elif kind == COLUMN_NAME:
            while position < end:
                length, position = length_encoded(body, position)
                names.append(body[position : position + length].decode())
                position += length
        position = end
    return signs, tuple(names)


def _signed(columns: list[Physical], signs: bytes) -> list[Physical]:
    """One bit for each numeric column, the highest first."""
    signed, number = [], 0
    for column in columns:
        unsigned = None
        if column.type in NUMERIC:
            unsigned = bool(signs[number >> 3] >> (7 - (number & 7)) & 1)
            number += 1
        signed.append(
            Physical(column.type, column.metadata, column.length, column.prefix, column.nullable, unsigned)
        )
    return signed
