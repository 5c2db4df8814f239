"""Read one document's text: its values as BSON holds them, or the reason why it cannot.

Extended JSON (`{"$oid": …}`, `{"$date": …}`, `{"$numberDecimal": …}`) is understood, canonical and relaxed:
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

from bson import Decimal128, MaxKey, MinKey, ObjectId, Timestamp, encode, json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError

from landing.values import shown

Document = dict[str, Any]

MONEY = "price"
# What a server stores at most, and what it has to hold beside a document: it is kept inside of another one.
LARGEST_BYTES = 16 * 1024 * 1024 - 4096
DEEPEST = 179
LONGEST_NUMBER = 400
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1  # of BSON's whole numbers
_EXTENDED: json_util.JSONOptions = json_util.JSONOptions(
    tz_aware=True,
    document_class=dict,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
# With what the catalog is read: every date that a server can hold.
CODEC: CodecOptions[Document] = CodecOptions(
    document_class=dict, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# An `_id` has one of these: the server refuses lists, regular expressions and references there.
_IDS = (str, int, float, bytes, ObjectId, datetime, DatetimeMS, Decimal128, Timestamp, MinKey, MaxKey)


def read_document(text: str) -> Document:
    """The document. Raises `ValueError` with the reason."""
    try:
        document = _document(_parse(text.strip()))
        size = len(encode(document))
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except (BSONError, OverflowError, UnicodeError) as error:
        raise ValueError(f"BSON cannot hold it: {error}") from None
    if size > LARGEST_BYTES:
        raise ValueError(f"is too large: {size:,} bytes of BSON, of which MongoDB takes {LARGEST_BYTES:,}")
    return document


def _parse(raw: str) -> Any:
    try:
        return json.loads(
            raw,
            object_pairs_hook=_extended,
            parse_float=Decimal,
            parse_int=_whole,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from None


def _whole(text: str) -> int:
    # int() refuses thousands of digits in words of its own.
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"{shown(text)} is out of range: it needs more than 64 bits")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is not JSON")


def _extended(pairs: list[tuple[str, Any]]) -> Any:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"names {shown(next(n for n in names if names.count(n) > 1))} twice")
    try:
        return json_util.object_pairs_hook(pairs, _EXTENDED)
    except (ArithmeticError, AttributeError, BSONError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"holds extended JSON that means nothing: {error}") from None


def _document(value: Any) -> Document:
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    if "_id" in value and not isinstance(value["_id"], (*_IDS, Decimal)):
        raise ValueError("_id: it is no single value")
    return {name: _money(item) if name == MONEY else _stored(item, 1) for name, item in value.items()}


def _money(value: Any) -> Any:
    """Money keeps its decimal digits; what is not a number is left for the collection's validator."""
    if isinstance(value, (Decimal, int)) and not isinstance(value, bool):
        try:
            return Decimal128(Decimal(value))
        except DecimalException:
            raise ValueError(f"{MONEY}: {shown(str(value))} has more digits than a decimal holds") from None
    return _stored(value, 1)


def _stored(value: Any, depth: int) -> Any:
    """A value as BSON has it: whole numbers stay whole, others become doubles, as MongoDB's tools do it."""
    if depth > DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        return {name: _stored(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_stored(item, depth + 1) for item in value]
    if isinstance(value, Decimal):
        if not math.isfinite(double := float(value)):
            raise ValueError(f"{shown(str(value))} is out of a double's range")
        return double
    # Compared, not looked for in a range: of an Int64, which is no plain int, that would try each number.
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise ValueError(f"{shown(str(value))} is out of range: it needs more than 64 bits")
    return value
