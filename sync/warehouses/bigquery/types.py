"""BigQuery's types. What each holds is in its documentation of data types; docs/types.md has the table.

Values travel as PostgreSQL's text and are cast there. What BigQuery cannot hold is found here, before a
statement over all rows fails for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sync.types import PgType
from sync.warehouses.dbapi.types import (
    Bind,
    Show,
    TypeMapper,
    Unfit,
    checked,
    from_date,
    from_numeric,
    from_timestamp,
)

MOST_DECIMALS, MOST_WHOLE = 9, 29  # of a NUMERIC
MOST_BIG_DECIMALS, MOST_BIG_WHOLE = 38, 38  # of a BIGNUMERIC, which has a part of a digit more


def numeric(type_: PgType) -> str:
    if type_.length is None:
        return "BIGNUMERIC"
    scale = type_.scale or 0
    whole = type_.length - scale
    if not 0 <= scale <= min(type_.length, MOST_BIG_DECIMALS) or whole > MOST_BIG_WHOLE:
        raise Unfit(f"a number has at most {MOST_BIG_WHOLE} digits before the point and as many behind it")
    base = "NUMERIC" if scale <= MOST_DECIMALS and whole <= MOST_WHOLE else "BIGNUMERIC"
    return f"{base}({type_.length}, {scale})"


def free_numeric(value: str) -> str:
    """Of a column without a scale: as many digits as a BIGNUMERIC has, the last decimal no zero, which would
    not come back."""
    from_numeric(value)
    whole, _, decimals = value.lstrip("-").partition(".")
    if decimals.endswith("0") or len(decimals) > MOST_BIG_DECIMALS or len(whole) > MOST_BIG_WHOLE:
        raise Unfit(
            f"{value} needs a column with a scale, of at most {MOST_BIG_WHOLE} digits before the point and as"
            f" many behind it: give it one in its model"
        )
    return value


def document(value: str) -> str:
    json.loads(value, parse_int=_whole, parse_float=_decimal)
    return value


def _whole(digits: str) -> int:
    if not -(2**63) <= (number := int(digits)) < 2**64 and int(float(digits)) != number:
        raise Unfit(f"a document in BigQuery cannot hold the number {digits[:50]}")
    return number


def _decimal(digits: str) -> float:
    number = float(digits)
    if from_numeric(repr(number)) != from_numeric(digits):
        raise Unfit(f"a document in BigQuery cannot hold the number {digits[:50]}")
    return number


NATIVE: Mapping[str, Any] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), lambda _: "INT64"),
    "numeric": numeric,
    **dict.fromkeys(("real", "double precision"), lambda _: "FLOAT64"),
    "boolean": lambda _: "BOOL",
    "date": lambda _: "DATE",
    "timestamp": lambda _: "DATETIME",
    "timestamptz": lambda _: "TIMESTAMP",
    "text": lambda _: "STRING",
    "character varying": lambda type_: f"STRING({type_.length})" if type_.length else "STRING",
    "uuid": lambda _: "STRING",
    "bytea": lambda _: "BYTES",
    "jsonb": lambda _: "JSON",
}


class BigQueryTypes(TypeMapper):
    def bind_of(self, type_: PgType) -> Bind:
        if type_.base == "numeric" and type_.length is None:
            return free_numeric
        return super().bind_of(type_)

    def show_of(self, type_: PgType) -> Show:
        if type_.scale is not None:  # BigQuery leaves zeros at the end out
            return lambda value: f"{value:.{type_.scale}f}"
        return super().show_of(type_)


TYPES = BigQueryTypes(
    "BigQuery",
    NATIVE,
    binds={
        **dict.fromkeys(("smallint", "integer", "bigint", "real", "double precision", "boolean"), str),
        "numeric": checked(from_numeric),
        "date": checked(from_date),
        **dict.fromkeys(("timestamp", "timestamptz"), checked(from_timestamp)),
        "bytea": lambda text: text.removeprefix("\\x"),
        "jsonb": document,
    },
)


def cast(text: str, native: str) -> str:
    """A text as a value of a type."""
    base = native.partition("(")[0]
    if base == "BYTES":
        return f"FROM_HEX({text})"
    if base == "JSON":
        return f"PARSE_JSON({text})"
    return text if base == "STRING" else f"CAST({text} AS {base})"
