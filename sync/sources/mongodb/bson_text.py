"""BSON values as text: whole documents as JSON, and ids of any type without two ids becoming one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from bson import json_util
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

TAGS = ("string", "int", "double", "decimal", "bool", "date", "binary", "json")
# A string that reads like another id's text gets a tag itself.
_NEEDS_TAG = re.compile(rf"[0-9a-f]{{24}}|(?:{'|'.join(TAGS)}):.*", re.DOTALL)
_WITHOUT_DOUBLES = frozenset({str, int, bool, type(None), Int64, ObjectId, datetime})
_UTC = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_EPOCH_DAYS = 719_468  # from 0000-03-01 to 1970-01-01


class JavaScript:
    """Code in a document, which pymongo shows as a string."""

    def __init__(self, code: Code) -> None:
        self.code = code

    def __repr__(self) -> str:
        return repr(self.code)

    @property
    def fields(self) -> dict[str, Any]:
        """As Extended JSON has it."""
        scope = {} if self.code.scope is None else {"$scope": self.code.scope}
        return {"$code": str(self.code), **scope}


class _JavaScriptDecoder(TypeDecoder):
    bson_type = Code

    def transform_bson(self, value: Code) -> JavaScript:
        return JavaScript(value)


# Dates are naive, in UTC: aware ones take a fifth longer to decode.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, type_registry=TypeRegistry([_JavaScriptDecoder()])
)


def document_json(value: Any) -> bytes:
    """A value, decoded by `CODEC`, as relaxed Extended JSON
    (https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/).

    Numbers stay numbers; a double that JSON has no number for (NaN, infinities, -0.0) is
    `{"$numberDouble": "…"}`, an id `{"$oid": "…"}`, a date `{"$date": "…"}`.
    """
    return with_odd_doubles(value, plain_json(value))


def plain_json(value: Any) -> bytes:
    """The same but for the doubles that JSON has no number for; see `with_odd_doubles`."""
    return orjson.dumps(value, _extended, orjson.OPT_PASSTHROUGH_DATETIME)


def with_odd_doubles(value: Any, text: bytes) -> bytes:
    """What `document_json` says of a value of which `plain_json` says `text`."""
    if may_hold_odd_double(text) and _holds_odd_double(value):
        return plain_json(_tag_doubles(value))
    return text


def may_hold_odd_double(text: bytes) -> bool:
    """Whether what `plain_json` says can come from a double that JSON has no number for."""
    return b"null" in text or b"-0.0" in text  # orjson writes NaN and infinities as null


def _extended(value: Any) -> Any:
    kind = type(value)
    if kind is datetime and value.year >= 1970:
        text = orjson.dumps(value, None, _UTC)
        return orjson.Fragment(b'{"$date":' + (text[:-5] + b'Z"}' if value.microsecond else text + b"}"))
    if kind is ObjectId:
        return {"$oid": str(value)}
    if kind is JavaScript:
        return value.fields
    return json_util.default(value, json_util.RELAXED_JSON_OPTIONS)


def _inner(value: Any) -> Iterable[Any]:
    """The values within a value."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list):
        return value
    if isinstance(value, DBRef):
        return value.as_doc().values()
    return value.fields.values() if isinstance(value, JavaScript) else ()


def _is_odd(value: float) -> bool:
    return not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0)


def _holds_odd_double(value: Any) -> bool:
    if type(value) is float:
        return _is_odd(value)
    for inner in value.values() if type(value) is dict else _inner(value):
        kind = type(inner)
        # Most values are neither doubles nor hold any: a call for each would cost more than to write them.
        if kind not in _WITHOUT_DOUBLES and _holds_odd_double(inner):
            return True
    return False


def _tag_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tag_doubles(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_tag_doubles(inner) for inner in value]
    if isinstance(value, DBRef):
        return _tag_doubles(value.as_doc())
    if isinstance(value, JavaScript):
        return _tag_doubles(value.fields)
    if isinstance(value, float) and _is_odd(value):
        return {"$numberDouble": double_text(value)}
    return value


def holds_nul(value: Any) -> bool:
    """Whether any string in a value holds a NUL, which PostgreSQL's text and jsonb cannot."""
    return "\0" in value if isinstance(value, str) else any(map(holds_nul, _inner(value)))


def double_text(value: float) -> str:
    """A double as both Extended JSON and PostgreSQL spell it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def id_text(value: Any) -> str:
    """An `_id` as text, different for different ids: an ObjectId is its hex, a string itself, any other type
    has a tag. A string that looks like one of these is tagged too."""
    if isinstance(value, ObjectId):
        return str(value)
    if isinstance(value, str):
        return f"string:{value}" if _NEEDS_TAG.fullmatch(value) else value
    if isinstance(value, bool):
        return f"bool:{str(value).lower()}"
    if isinstance(value, int):
        return f"int:{int(value)}"
    if isinstance(value, float):
        return f"double:{double_text(value)}"
    if isinstance(value, Decimal128):
        return f"decimal:{value}"
    if isinstance(value, datetime | DatetimeMS):
        return f"date:{timestamp_text(value)}"
    if isinstance(value, bytes):
        return f"binary:{value.subtype if isinstance(value, Binary) else 0}:{value.hex()}"
    return f"json:{document_json(value).decode()}"


def milliseconds(value: datetime | DatetimeMS) -> int:
    """A date as BSON keeps it, since 1970 in UTC."""
    return int(DatetimeMS(value) if isinstance(value, datetime) else value)


def timestamp_text(value: datetime | DatetimeMS) -> str:
    """A date as PostgreSQL reads it; a naive one is in UTC. BSON's go beyond the years 1 to 9999 of Python's.

    The calendar is the proleptic Gregorian one, by the days-to-civil algorithm of
    https://howardhinnant.github.io/date_algorithms.html.
    """
    if isinstance(value, datetime):
        return value.isoformat(" ") + "+00:00"
    days, rest = divmod(int(value), 86_400_000)
    era, day_of_era = divmod(days + _EPOCH_DAYS, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153  # March is 0
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    seconds, thousandths = divmod(rest, 1000)
    time = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}+00"
    shown, suffix = (year, "") if year > 0 else (1 - year, " BC")
    return f"{shown:04}-{month:02}-{day:02} {time}{suffix}"
