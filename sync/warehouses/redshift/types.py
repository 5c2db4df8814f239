"""Redshift's types. What each holds is in its documentation of data types; docs/types.md has the table.

Rows travel as CSV, so a value keeps PostgreSQL's text form, which Redshift reads; what it cannot hold is
found here, before a COPY of all rows fails for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sync.types import PgType
from sync.warehouses.dbapi.types import TypeMapper, Unfit, checked, from_date, from_numeric, from_timestamp

MOST_DIGITS = 38
MOST_TEXT_BYTES = 65_535
# Of one line of input, which a document has to fit into beside the other columns.
MOST_DOCUMENT_BYTES = 3 << 20
# What NULL is in a file. A text that is this word could not be told from it.
NULL = "@softcart:null@"


def numeric(type_: PgType) -> str:
    if type_.length is None:
        raise Unfit("declare its precision and scale")
    scale = type_.scale or 0
    if type_.length > MOST_DIGITS or not 0 <= scale <= MOST_DIGITS - 1:
        raise Unfit(f"a number has at most {MOST_DIGITS} digits")
    return f"DECIMAL({type_.length}, {scale})"


def varying(type_: PgType) -> str:
    """PostgreSQL counts characters, of which one takes up to four bytes, Redshift counts bytes."""
    return f"VARCHAR({min(4 * (type_.length or MOST_TEXT_BYTES), MOST_TEXT_BYTES)})"


def text(value: str) -> str:
    if len(value) * 4 > MOST_TEXT_BYTES and len(value.encode()) > MOST_TEXT_BYTES:
        raise Unfit(f"the text has more than {MOST_TEXT_BYTES:,} bytes")
    if value == NULL:
        raise Unfit(f"{NULL} means NULL in the files that are loaded")
    return value


def document(value: str) -> str:
    if len(value) * 4 <= MOST_TEXT_BYTES:
        return value
    if len(value.encode()) > MOST_DOCUMENT_BYTES:
        raise Unfit(f"the document has more than {MOST_DOCUMENT_BYTES:,} bytes")
    for part in _texts(json.loads(value)):
        if len(part.encode()) > MOST_TEXT_BYTES:
            raise Unfit(f"a text in the document has more than {MOST_TEXT_BYTES:,} bytes")
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


NATIVE: Mapping[str, Any] = {
    "smallint": lambda _: "SMALLINT",
    "integer": lambda _: "INTEGER",
    "bigint": lambda _: "BIGINT",
    "numeric": numeric,
    "real": lambda _: "REAL",
    "double precision": lambda _: "DOUBLE PRECISION",
    "boolean": lambda _: "BOOLEAN",
    "date": lambda _: "DATE",
    "timestamp": lambda _: "TIMESTAMP",
    "timestamptz": lambda _: "TIMESTAMPTZ",
    "text": varying,
    "character varying": varying,
    "uuid": lambda _: "VARCHAR(36)",
    "jsonb": lambda _: "SUPER",
}
TYPES = TypeMapper(
    "redshift",
    NATIVE,
    binds={
        **dict.fromkeys(("smallint", "integer", "bigint", "real", "double precision", "boolean"), str),
        "numeric": checked(from_numeric),
        "date": checked(from_date),
        **dict.fromkeys(("timestamp", "timestamptz"), checked(from_timestamp)),
        "text": text,
        "character varying": text,
        "jsonb": document,
    },
)
