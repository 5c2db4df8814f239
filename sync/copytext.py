"""PostgreSQL's COPY text format: the one form in which rows travel from any source to any target.

A line is a row, fields are parted by tabs, `\\N` is NULL, and a backslash escapes itself, tab, newline and
carriage return (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

NULL = b"\\N"
_ESCAPES = {0x5C: "\\\\", 0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_UNESCAPES = {b"t": b"\t", b"n": b"\n", b"r": b"\r"}
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
    return value.translate(_ESCAPES).encode()


def unescape(field: bytes) -> bytes | None:
    """A field's value, None for NULL."""
    if field == NULL:
        return None
    return _ESCAPED.sub(lambda match: _UNESCAPES.get(match[1], match[1]), field) if b"\\" in field else field


def line(fields: Iterable[bytes]) -> bytes:
    """Escaped fields as a row."""
    return b"\t".join(fields) + b"\n"
