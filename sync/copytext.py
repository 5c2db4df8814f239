"""PostgreSQL's COPY text format: the one form in which rows travel from any source to any target.

A line is a row, fields are parted by tabs, `\\N` is NULL, and a backslash escapes itself, tab, newline and
carriage return (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from sync.spec import Column, Table

NULL = b"\\N"
SHOWN_CHARACTERS = 200
_UNESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be loaded: `key` are its key's fields in COPY text, or None where they cannot be
    loaded either; `key_text` is the key for a reader, `raw` the row's values as JSON."""

    key: tuple[bytes, ...] | None
    key_text: str
    reason: str
    raw: str


@dataclass(frozen=True)
class Chunk:
    """A part of a table's rows: `lines` are complete rows, each ending in a newline."""

    lines: bytes
    rows: int
    rejected: tuple[Rejected, ...] = ()


def escape(value: str) -> bytes:
    """A value as a field."""
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\t" in value or "\n" in value or "\r" in value:
        value = value.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value.encode()


def escape_bytes(value: bytes) -> bytes:
    """A text in UTF-8 as a field."""
    if b"\\" in value:
        value = value.replace(b"\\", b"\\\\")
    if b"\t" in value or b"\n" in value or b"\r" in value:
        value = value.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return value


def unescape(field: bytes) -> bytes | None:
    """A field's value, None for NULL."""
    if field == NULL:
        return None
    return _ESCAPED.sub(lambda match: _UNESCAPES.get(match[1], match[1]), field) if b"\\" in field else field


def line(fields: Iterable[bytes]) -> bytes:
    """Escaped fields as a row."""
    return b"\t".join(fields) + b"\n"


def fields_of(row: bytes) -> list[bytes]:
    """A row's escaped fields."""
    return row.removesuffix(b"\n").split(b"\t")


def misfit(column: Column, field: bytes) -> str:
    """The reason to reject a row for one of its values."""
    value = _text(field) or ""
    shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    return f"column {column.name}: {shown!r} cannot be stored as {column.type}"


def reject(
    table: Table, columns: Sequence[Column], fields: Sequence[bytes], reason: str, key_loadable: bool
) -> Rejected:
    """A row for the quarantine. `key_loadable` says whether the target can hold its key's fields.

    A row of a table without a key goes by a hash of its fields.
    """
    by_name = dict(zip((column.name for column in columns), fields, strict=True))
    values = {name: _text(field) for name, field in by_name.items()}
    key = tuple(by_name[part] for part in table.key)
    return Rejected(
        key if key and key_loadable else None,
        key_text([values[part] for part in table.key]) if key else sha256(b"\t".join(fields)).hexdigest(),
        reason,
        orjson.dumps(values).decode(),
    )


def key_text(values: Sequence[str | None]) -> str:
    """A key for a reader: the value itself, or a JSON array of a composite key's values."""
    if len(values) == 1:
        return (values[0] or "").replace("\0", "\\0")
    return orjson.dumps(values).decode()


def _text(field: bytes) -> str | None:
    value = unescape(field)
    return None if value is None else value.decode(errors="backslashreplace")
