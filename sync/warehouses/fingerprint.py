"""What is hashed of a row, alike in staging and in a warehouse that has MD5.

Each value has one canonical text: integers and decimals (at their declared scale) their digits, booleans 1
and 0, dates YYYY-MM-DD, times the microseconds since 1970 (UTC), text itself. A value counts as the length of
that text in bytes of UTF-8, a colon and the text, NULL as a minus sign; the row's hash is the first 60 bits
of the MD5 over all of them, in the order of the columns. Rows are summed up by the hash modulo `BUCKETS`: a
row that differs changes the sum of at least one bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from sync.errors import SyncError
from sync.types import parse_type
from sync.warehouses.contract import Fingerprint, Hashing
from sync.warehouses.schema import ColumnSchema, TableSchema

BUCKETS = 256
HEX_DIGITS = 15  # of the MD5: 60 bits, which a signed bigint holds


class Canonical(Enum):
    """How a column's value becomes its canonical text."""

    DIGITS = "digits"
    BOOLEAN = "boolean"
    DATE = "date"
    MICROSECONDS = "microseconds"
    TEXT = "text"


_BASES: Mapping[str, Canonical] = {
    "smallint": Canonical.DIGITS,
    "integer": Canonical.DIGITS,
    "bigint": Canonical.DIGITS,
    "boolean": Canonical.BOOLEAN,
    "date": Canonical.DATE,
    "timestamp": Canonical.MICROSECONDS,
    "timestamptz": Canonical.MICROSECONDS,
    "text": Canonical.TEXT,
    "character varying": Canonical.TEXT,
    "uuid": Canonical.TEXT,
}


def canonical(column: ColumnSchema) -> Canonical | None:
    """The column's canonical form; None where systems spell its values differently (doubles, documents)."""
    try:
        type_ = parse_type(column.type)
    except SyncError:
        return None  # a type that somebody defined
    if type_.base == "numeric":
        return Canonical.DIGITS if type_.scale is not None else None
    return _BASES.get(type_.base)


def hashing_of(schema: TableSchema, hashing: Hashing) -> Hashing:
    """How this table's rows are hashed: not at all where one of its columns has no canonical form."""
    if hashing is Hashing.MD5 and not all(canonical(column) for column in schema.columns):
        return Hashing.NONE
    return hashing


def differing_buckets(one: Fingerprint, other: Fingerprint) -> set[int]:
    """The buckets in which two sets of rows differ."""
    return {bucket for bucket in one.keys() | other.keys() if one.get(bucket) != other.get(bucket)}


def row_count(fingerprint: Fingerprint) -> int:
    return sum(rows for rows, _ in fingerprint.values())
