"""BSON values into columns of declared types: exact, or refused with the reason."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from sync.errors import SyncError
from sync.sources.mongodb.bson_text import (
    document_json,
    double_text,
    holds_nul,
    id_text,
    milliseconds,
    timestamp_text,
)
from sync.types import PgType, parse_type

DAY_MILLISECONDS = 86_400_000
INTEGER_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
EXACT = Context(prec=400)  # the digits of the greatest double; a Decimal128 has 34


class MisfitError(ValueError):
    """A value has no exact form in its column's type; the message says which value, of which type."""


def column_types() -> frozenset[str]:
    """The types that a field's column can have, without their modifiers."""
    return frozenset(_CONVERT)


def converter(declared: str, is_id: bool = False) -> Callable[[Any], str]:
    """The function that turns a value, never None, into the text of the type `declared`.

    It raises `MisfitError`. An id becomes text whatever its type is, see `id_text`. Raises `SyncError` itself
    for a type that documents have no values for.
    """
    target = parse_type(declared)
    if target.base not in _CONVERT:
        raise SyncError(
            f"type {declared!r} is not one that a document's field can have; declare jsonb, or one of"
            f" {', '.join(sorted(_CONVERT))}"
        )
    convert = _id if is_id and target.base == "text" else _CONVERT[target.base]

    def checked(value: Any) -> str:
        text = convert(value, target)
        if text is None:
            raise MisfitError(f"{_shown(value)} ({_bson_type(value)}) cannot be stored as {declared}")
        return text

    return checked


def _id(value: Any, target: PgType) -> str | None:
    return None if "\0" in (text := id_text(value)) else text


def _text(value: Any, target: PgType) -> str | None:
    if isinstance(value, ObjectId):
        value = str(value)
    if not isinstance(value, str) or "\0" in value:
        return None
    if target.length is not None and len(value) > target.length:
        return None
    return None if target.base == "character" and value.endswith(" ") else value


def _integer(value: Any, target: PgType) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        whole = int(value)
    elif (number := _decimal(value)) is None or number != number.to_integral_value():
        return None
    else:
        whole = int(number)
    limit = 1 << (INTEGER_BITS[target.base] - 1)
    return str(whole) if -limit <= whole < limit else None


def _numeric(value: Any, target: PgType) -> str | None:
    number = _decimal(value)
    if number is None:
        return None
    if target.length is not None and number:
        _, digits, exponent = number.normalize(EXACT).as_tuple()
        assert isinstance(exponent, int)
        if -exponent > (target.scale or 0) or len(digits) + exponent > target.length - (target.scale or 0):
            return None
    return format(number, "f")


def _decimal(value: Any) -> Decimal | None:
    """A finite number exactly; a double as the shortest decimal that stands for it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, Decimal128) and (number := value.to_decimal()).is_finite():
        return number
    return None


def _double(value: Any, target: PgType) -> str | None:
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, Decimal) and value.is_snan():
        return None
    number = float(value)
    if number != value and not math.isnan(number):
        return None
    if target.base == "real" and math.isfinite(number) and not _fits_real(number):
        return None
    return double_text(number)


def _fits_real(number: float) -> bool:
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == number)
    except OverflowError:
        return False


def _boolean(value: Any, target: PgType) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None


def _timestamp(value: Any, target: PgType) -> str | None:
    if not isinstance(value, datetime | DatetimeMS):
        return None
    digits = 6 if target.length is None else target.length
    unit = 10 ** max(0, 3 - digits)
    return timestamp_text(value) if milliseconds(value) % unit == 0 else None


def _date(value: Any, target: PgType) -> str | None:
    if not isinstance(value, datetime | DatetimeMS) or milliseconds(value) % DAY_MILLISECONDS:
        return None
    return timestamp_text(value)


def _json(value: Any, target: PgType) -> str | None:
    text = document_json(value).decode()
    return None if "\\u0000" in text and holds_nul(value) else text


def _bytea(value: Any, target: PgType) -> str | None:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else None


def _uuid(value: Any, target: PgType) -> str | None:
    return value.hex() if isinstance(value, Binary) and value.subtype == UUID_SUBTYPE else None


_CONVERT: dict[str, Callable[[Any, PgType], str | None]] = {
    "text": _text,
    "character varying": _text,
    "character": _text,
    **dict.fromkeys(INTEGER_BITS, _integer),
    "numeric": _numeric,
    "double precision": _double,
    "real": _double,
    "boolean": _boolean,
    "timestamptz": _timestamp,
    "timestamp": _timestamp,
    "date": _date,
    "json": _json,
    "jsonb": _json,
    "bytea": _bytea,
    "uuid": _uuid,
}


def _bson_type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "double", str: "string", dict: "document", list: "array"}
    return names.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = document_json(value).decode()
    return text if len(text) <= 200 else text[:200] + "…"
