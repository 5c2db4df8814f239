"""Snowflake's types. What each holds is in its documentation of data types; docs/types.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sync.types import PgType
from sync.warehouses.dbapi.types import Bind, TypeMapper, Unfit, from_bytea, from_numeric

MOST_DIGITS, MOST_SCALE = 38, 37
FREE_SCALE = 12  # of a number without a scale
MOST_TEXT_BYTES = 16 * 1024 * 1024
MOST_BINARY_BYTES = 8 * 1024 * 1024


class Document(str):
    """A JSON text, which becomes a VARIANT."""


def numeric(type_: PgType) -> str:
    if type_.length is None:
        return f"NUMBER({MOST_DIGITS}, {FREE_SCALE})"
    scale = type_.scale or 0
    if type_.length > MOST_DIGITS or not 0 <= scale <= MOST_SCALE:
        raise Unfit(f"a number has at most {MOST_DIGITS} digits, {MOST_SCALE} of them behind the point")
    return f"NUMBER({type_.length}, {scale})"


def text(value: str) -> str:
    if len(value) * 4 > MOST_TEXT_BYTES and len(value.encode()) > MOST_TEXT_BYTES:
        raise Unfit(f"the text has more than {MOST_TEXT_BYTES} bytes")
    return value


def document(value: str) -> Document:
    return Document(text(value))


def binary(value: str) -> bytes:
    found = from_bytea(value)
    if len(found) > MOST_BINARY_BYTES:
        raise Unfit(f"the value has more than {MOST_BINARY_BYTES} bytes")
    return found


NATIVE: Mapping[str, Any] = {
    "smallint": lambda _: "NUMBER(5, 0)",
    "integer": lambda _: "NUMBER(10, 0)",
    "bigint": lambda _: "NUMBER(19, 0)",
    "numeric": numeric,
    "real": lambda _: "FLOAT",
    "double precision": lambda _: "FLOAT",
    "boolean": lambda _: "BOOLEAN",
    "date": lambda _: "DATE",
    "timestamp": lambda _: "TIMESTAMP_NTZ(6)",
    "timestamptz": lambda _: "TIMESTAMP_NTZ(6)",  # in UTC
    "text": lambda _: "VARCHAR",
    "character varying": lambda type_: f"VARCHAR({type_.length})" if type_.length else "VARCHAR",
    "uuid": lambda _: "VARCHAR(36)",
    "bytea": lambda _: "BINARY",
    "jsonb": lambda _: "VARIANT",
}


def free_numeric(value: str) -> Decimal:
    """Of a number without a scale, as many decimals as the column has, the last of them no zero: it would not
    come back."""
    whole, _, decimals = value.partition(".")
    found = from_numeric(value)
    if decimals.endswith("0") or len(decimals) > FREE_SCALE or len(whole) > MOST_DIGITS - FREE_SCALE:
        raise Unfit(
            f"{value} needs a column with a scale: give it a precision and a scale in its model, or trim it"
        )
    return found


class SnowflakeTypes(TypeMapper):
    def bind_of(self, type_: PgType) -> Bind:
        if type_.base == "numeric" and type_.length is None:
            return free_numeric
        return super().bind_of(type_)


TYPES = SnowflakeTypes(
    "Snowflake",
    NATIVE,
    binds={"text": text, "character varying": text, "jsonb": document, "bytea": binary},
)
