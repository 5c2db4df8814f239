"""Fields of every document of a collection as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from exporting.storing import written
from sync.sources.mongodb.bson_text import document_json, double_text, id_text, timestamp_text

MISSING = object()
_EXACT = 2**53  # up to which a double holds every whole number


def export_documents(documents: Iterable[dict[str, Any]], fields: Sequence[str], path: Path) -> int:
    """Write `fields` of the documents in their order, with a header; returns how many documents there are.

    They come as `sync.sources.mongodb.bson_text.CODEC` decodes them. A field that is missing or null is an
    empty cell.
    """
    with written(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(fields)
        count = 0
        for document in documents:
            writer.writerow([_cell(name, value_at(document, name)) for name in fields])
            count += 1
    return count


def value_at(document: dict[str, Any], name: str) -> Any:
    """The value of a field: of the key that is called so, dots and all, else along the path that the dots
    make. `MISSING` where there is none."""
    if name in document:
        return document[name]
    first, dot, rest = name.partition(".")
    inner = document.get(first) if dot else None
    return value_at(inner, rest) if isinstance(inner, dict) else MISSING


def _cell(name: str, value: Any) -> str:
    if name == "_id":
        return id_text(value)
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # A whole number reads alike whether it is an int here or a double there.
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else double_text(value)
    if isinstance(value, int | Decimal128 | ObjectId):
        return str(value)
    if isinstance(value, datetime | DatetimeMS):
        return timestamp_text(value)
    return document_json(value).decode()
