"""Logical types as Db2's, see the table in docs/types.md.

Limits: https://www.ibm.com/docs/en/db2/11.5?topic=sql-xml-limits. A VARCHAR's length counts bytes of UTF-8,
of which a character has up to four.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sync.types import CHARACTERS, PgType
from sync.warehouses.dbapi.types import Bind, TypeMapper, Unfit, from_bytea, from_numeric, show_float
from sync.warehouses.schema import ColumnSchema, TableName

LONGEST_VARCHAR = 32672
MOST_DIGITS = 31
# A text has no length in staging. Db2 sorts and groups rows that fit into a page of 32 KB, so its columns are
# of a length of which several do; what is longer is refused row by row.
TEXT_BYTES = 4000
# Of the engine's own tables, whose texts are longer and are never sorted by.
OWN_BYTES = {"sync": 24000, "quarantine": 8000}
# A numeric without a scale: with this one.
FREE_SCALE = 12


def _numeric(type_: PgType) -> str:
    if type_.length is None:
        return f"DECIMAL({MOST_DIGITS},{FREE_SCALE})"
    scale = type_.scale or 0
    if type_.length > MOST_DIGITS or not 0 <= scale <= type_.length:
        raise Unfit(f"Db2's DECIMAL has up to {MOST_DIGITS} digits, of which no more than these are decimals")
    return f"DECIMAL({type_.length},{scale})"


def _varchar(type_: PgType) -> str:
    if type_.length is None:
        return f"VARCHAR({TEXT_BYTES})"
    if 4 * type_.length > LONGEST_VARCHAR:
        raise Unfit(f"Db2's VARCHAR has up to {LONGEST_VARCHAR} bytes, four a character")
    return f"VARCHAR({4 * type_.length})"


NATIVE: Mapping[str, Callable[[PgType], str]] = {
    "smallint": lambda _: "SMALLINT",
    "integer": lambda _: "INTEGER",
    "bigint": lambda _: "BIGINT",
    "numeric": _numeric,
    "real": lambda _: "DOUBLE",  # Db2's REAL lacks the smallest of them
    "double precision": lambda _: "DOUBLE",
    "boolean": lambda _: "BOOLEAN",
    "date": lambda _: "DATE",
    "timestamp": lambda _: "TIMESTAMP",
    "timestamptz": lambda _: "TIMESTAMP",
    "text": lambda _: f"VARCHAR({TEXT_BYTES})",
    "character varying": _varchar,
    "uuid": lambda _: "VARCHAR(36)",
    "bytea": lambda _: f"VARCHAR({TEXT_BYTES}) FOR BIT DATA",
    "jsonb": lambda _: f"VARCHAR({TEXT_BYTES})",
}


def from_free_numeric(text: str) -> Decimal:
    """A numeric whose type has no scale."""
    value = from_numeric(text)
    exponent, digits = value.as_tuple().exponent, len(value.as_tuple().digits)
    assert isinstance(exponent, int)
    if -exponent > FREE_SCALE or digits + exponent > MOST_DIGITS - FREE_SCALE:
        raise Unfit(
            f"{text} has more than {MOST_DIGITS - FREE_SCALE} digits or more than {FREE_SCALE} decimals; give"
            " the column a precision and a scale in its model"
        )
    return value


def from_double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Unfit(f"{text} is no number")
    if not value and math.copysign(1, value) < 0:
        raise Unfit("a zero with a sign, which Db2 does not keep")
    return value


def from_real(text: str) -> float:
    """The number that a real of this text is, of which a double holds each."""
    (value,) = struct.unpack("f", struct.pack("f", from_double(text)))
    return float(value)


def show_real(value: Any) -> str:
    """The fewest digits that make the real again."""
    found = next(text for digits in range(1, 10) if from_real(text := f"{value:.{digits}g}") == value)
    return show_float(float(found))


def from_text(text: str) -> str:
    size = len(text.encode())
    if size > TEXT_BYTES:
        raise Unfit(f"a text of {size:,} bytes, of which Db2's column holds {TEXT_BYTES:,}")
    return text


def from_bytes(text: str) -> bytes:
    value = from_bytea(text)
    if len(value) > TEXT_BYTES:
        raise Unfit(f"{len(value):,} bytes, of which Db2's column holds {TEXT_BYTES:,}")
    return value


def _without_blanks(text: str) -> str:
    if text.endswith(" "):
        raise Unfit(f"a key that ends in a blank ({text!r}), which Db2 takes for the one without it")
    return text


BINDS: Mapping[str, Bind] = {
    "real": from_real,
    "double precision": from_double,
    "text": from_text,
    "jsonb": from_text,
    "bytea": from_bytes,
}


_LENGTH = re.compile(r"VARCHAR\((\d+)\)(?! FOR BIT DATA)")


@dataclass(frozen=True)
class Db2Types(TypeMapper):
    """Db2's types; the engine's own tables have longer texts. `unit` is what lengths count, said because a
    database may count in CODEUNITS32 where nothing is."""

    unit: str = " OCTETS"

    def native_type(self, table: TableName, column: ColumnSchema) -> str:
        native = super().native_type(table, column)
        if column.type == "text" and table.schema in OWN_BYTES:
            native = f"VARCHAR({OWN_BYTES[table.schema]})"
        return _LENGTH.sub(rf"VARCHAR(\1{self.unit})", native)

    def bind_of_key(self, type_: PgType) -> Bind:
        """Two keys that differ in nothing but the blanks at their ends are one to Db2."""
        bind = self.bind_of(type_)
        return bind if type_.base not in CHARACTERS else lambda text: bind(_without_blanks(text))

    def bind_of(self, type_: PgType) -> Bind:
        if type_.base == "numeric" and type_.length is None:
            return from_free_numeric
        return super().bind_of(type_)


TYPES = Db2Types("Db2", NATIVE, BINDS, {"real": show_real})
