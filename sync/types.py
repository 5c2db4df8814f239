"""PostgreSQL type names as declarations and catalogs write them, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync.errors import SyncError

ALIASES = {
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "decimal": "numeric",
    "float4": "real",
    "float8": "double precision",
    "float": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "varbit": "bit varying",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
INTEGER_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
CHARACTERS = ("character", "character varying", "text")  # each holds what those before it do
CLOCKS = {"time", "timetz", "timestamp", "timestamptz", "interval"}
_TYPE = re.compile(
    r"([a-z][a-z0-9_ ]*?)\s*(?:\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\))?(\s+with(?:out)? time zone)?"
    r"\s*((?:\[\d*\])*)"
)


@dataclass(frozen=True)
class PgType:
    """A base name (`numeric`, `timestamptz`, `integer[]`, …) and its modifiers, None where it has none."""

    base: str
    length: int | None = (
        None  # numeric: precision; character types: characters; timestamps: digits of a second
    )
    scale: int | None = None


def parse_type(text: str) -> PgType:
    """Read `numeric(12,2)`, `varchar(20)`, `timestamp(3) with time zone`, `text[]` and the like; PostgreSQL
    disregards how many dimensions an array is declared with.

    Raises `SyncError` for what is no plain type name (quoted names of user-defined types).
    """
    match = _TYPE.fullmatch(text.strip().lower())
    if match is None:
        raise SyncError(f"type {text!r} is not one that rows can be copied into; declare text or jsonb")
    name = f"{match[1]}{match[4] or ''}"
    base = ALIASES.get(name, name)
    length = int(match[2]) if match[2] else None
    if base == "character" and length is None:
        length = 1
    scale = int(match[3] or 0) if base == "numeric" and length is not None else None
    return PgType(f"{base}[]" if match[5] else base, length, scale)


def widens(old: PgType, new: PgType) -> bool:
    """Whether `new` is another type that holds every value of `old` as it is."""
    if old.base in INTEGER_DIGITS and new.base == "numeric":
        return new.length is None or _whole_digits(new) >= INTEGER_DIGITS[old.base]
    if old.base in INTEGER_DIGITS:
        return INTEGER_DIGITS.get(new.base, 0) > INTEGER_DIGITS[old.base]
    if old.base == new.base == "numeric":
        return new.length is None or (
            old.length is not None
            and (new.scale or 0) >= (old.scale or 0)
            and _whole_digits(new) >= _whole_digits(old)
        )
    if old.base in CHARACTERS and new.base in CHARACTERS:
        return CHARACTERS.index(new.base) >= CHARACTERS.index(old.base) and _holds_length(old, new)
    if old.base in CLOCKS:
        return old.base == new.base and _holds_length(old, new)
    return (old.base, new.base) == ("real", "double precision")


def _whole_digits(numeric: PgType) -> int:
    scale = numeric.scale or 0
    # With a negative scale the last digits before the point are always zeros.
    return (numeric.length or 0) - scale if scale >= 0 else 0


def _holds_length(old: PgType, new: PgType) -> bool:
    return new.length is None or (old.length is not None and new.length >= old.length)
