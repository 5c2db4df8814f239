"""A collection's cursor: the field by which the watermark strategy tells what changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from sync.errors import SyncError
from sync.spec import Column, Table
from sync.types import parse_type

if TYPE_CHECKING:
    from pymongo.collection import Collection

NUMBER_TYPES = ["int", "long", "double", "decimal"]
# Of a cursor that is not declared, by the first of these that a document has.
CURSOR_TYPES = {
    "date": "timestamptz",
    "long": "bigint",
    "int": "bigint",
    "double": "numeric",
    "decimal": "numeric",
}


def cursor_column(collection: Collection[dict[str, Any]], table: Table, field: str) -> Column:
    """The column of a cursor that is not declared, with the type that the documents show.

    Raises `SyncError` where no document has a date or a number in that field.
    """
    for bson_type, column_type in CURSOR_TYPES.items():
        if collection.find_one({field: {"$type": bson_type}}, {"_id": 1}):
            return Column(field, column_type, "The time or number that grows with every change")
    raise SyncError(
        f"{table.qualified}: no document of {collection.full_name} has a date or a number in {field!r}, the"
        f" cursor. Name another one, or use the strategy full"
    )


def cursor_filter(table: Table, columns: Sequence[Column], since: str) -> dict[str, Any]:
    """The documents whose cursor is at least `since`, as PostgreSQL writes it, or missing, or of a type that
    has no order with it: all that is not known to lie below."""
    (column,) = (column for column in columns if column.name == table.cursor)
    return {column.source_name: {"$not": {"$lt": _value(since, column)}}}


def _value(since: str, column: Column) -> Any:
    base = parse_type(column.type).base
    if base in {"smallint", "integer", "bigint"}:
        return Int64(since)
    if base == "numeric":
        return Decimal128(Decimal(since))
    moment = datetime.fromisoformat(since)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def greatest_number(collection: Collection[dict[str, Any]], table: Table) -> str | None:
    """The cursor's greatest number that is not infinity, None where no document has one."""
    field = table.cursor_source_name
    for document in (
        collection.find({field: {"$type": NUMBER_TYPES, "$lt": math.inf}}).sort(field, -1).limit(1)
    ):
        value: Any = document
        for name in field.split("."):
            value = value[name]
        return str(value)
    return None
