"""BSON values as fields of COPY lines: a type's usual values by a short way, all others by the exact one.

A short way handles only what it is sure of. A million calls of the exact way take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from sync.copytext import NULL, escape
from sync.sources.mongodb.bson_text import may_hold_odd_double, plain_json, with_odd_doubles
from sync.sources.mongodb.bson_types import INTEGER_BITS, converter
from sync.types import PgType, parse_type

Field = Callable[[Any], bytes]
Fields = Callable[[Sequence[Any]], list[bytes]]


def field_of(declared: str, is_id: bool = False) -> Field:
    """The function that turns a value into a field of the type `declared`, escaped; see `converter` for what
    is refused and how. None becomes NULL, but for an id, where null is a value like any other."""
    target = parse_type(declared)
    convert = converter(declared, is_id)

    def exact(value: Any) -> bytes:
        return NULL if value is None and not is_id else escape(convert(value))

    if is_id:
        return _id(exact) if target.base == "text" else exact
    short_way = _SHORT_WAYS.get(target.base)
    return short_way(target, exact) if short_way else exact


def fields_of(declared: str, is_id: bool = False) -> Fields:
    """The function that does for many values what that of `field_of` does for one."""
    field = field_of(declared, is_id)
    if is_id or parse_type(declared).base not in {"json", "jsonb"}:
        return lambda values: list(map(field, values))

    def fields(values: Sequence[Any]) -> list[bytes]:
        texts = list(map(plain_json, values))
        joined = b"".join(texts)  # one look through all of them instead of one through each
        if b"\\" not in joined and not may_hold_odd_double(joined):
            return texts
        return [_escaped_json(value, text, field) for value, text in zip(values, texts, strict=True)]

    return fields


def _id(exact: Field) -> Field:
    def field(value: Any) -> bytes:
        if type(value) is ObjectId:
            return str(value).encode()
        return b"int:%d" % value if type(value) is int else exact(value)

    return field


def _text(target: PgType, exact: Field) -> Field:
    def field(value: Any) -> bytes:
        if type(value) is str and value.isprintable() and "\\" not in value:
            return value.encode()
        return exact(value)

    return exact if target.length is not None else field


def _integer(target: PgType, exact: Field) -> Field:
    limit = 1 << (INTEGER_BITS[target.base] - 1)

    def field(value: Any) -> bytes:
        if (type(value) is int or type(value) is Int64) and -limit <= value < limit:
            return b"%d" % value
        return exact(value)

    return field


def _numeric(target: PgType, exact: Field) -> Field:
    before, after = (target.length or 1000) - (target.scale or 0), target.scale or 0
    any_scale = target.length is None

    def field(value: Any) -> bytes:
        if type(value) is float:
            text = repr(value)
            whole, point, fraction = text.partition(".")
            # Without a point, or with more than digits after it, it is an exponent's, infinite or no number.
            if point and fraction.isdigit() and len(whole) <= before:
                if fraction == "0" and whole != "-0":
                    return whole.encode()
                if fraction != "0" and (any_scale or len(fraction) <= after):
                    return text.encode()
        return exact(value)

    return field if after >= 0 else exact


def _double(target: PgType, exact: Field) -> Field:
    def field(value: Any) -> bytes:
        return repr(value).encode() if type(value) is float and isfinite(value) else exact(value)

    return field


def _boolean(target: PgType, exact: Field) -> Field:
    def field(value: Any) -> bytes:
        return b"true" if value is True else b"false" if value is False else exact(value)

    return field


def _timestamp(target: PgType, exact: Field) -> Field:
    def field(value: Any) -> bytes:
        return f"{value.isoformat(' ')}+00:00".encode() if type(value) is datetime else exact(value)

    return field if target.length is None or target.length >= 3 else exact


def _json(target: PgType, exact: Field) -> Field:
    return lambda value: _escaped_json(value, plain_json(value), exact)


def _escaped_json(value: Any, text: bytes, exact: Field) -> bytes:
    """The field of a value of which `plain_json` says `text`."""
    if value is None:
        return NULL
    text = with_odd_doubles(value, text)
    if b"\\" not in text:
        return text
    # Every control character is escaped in JSON already.
    return exact(value) if b"\\u0000" in text else text.replace(b"\\", b"\\\\")


_SHORT_WAYS: dict[str, Callable[[PgType, Field], Field]] = {
    "text": _text,
    **dict.fromkeys(INTEGER_BITS, _integer),
    "numeric": _numeric,
    "double precision": _double,
    "boolean": _boolean,
    "timestamptz": _timestamp,
    "timestamp": _timestamp,
    "json": _json,
    "jsonb": _json,
}
