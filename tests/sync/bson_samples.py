"""A value of each BSON type, as the reader of documents decodes it, by the type's name in MongoDB."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import bson
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from sync.sources.mongodb.bson_text import CODEC

_VALUES: dict[str, Any] = {
    "double": 5.0,
    "string": "a",
    "object": {"a": 1},
    "array": [1, "a"],
    "binData": b"\0\xff",
    "UUID": Binary(bytes(range(16)), 4),
    "objectId": ObjectId("0123456789abcdef01234567"),
    "bool": True,
    "date": datetime(2024, 1, 2),
    "null": None,
    "regex": Regex("^a", "i"),
    "DBRef": DBRef("books", 7),
    "javascript": Code("f()"),
    "javascriptWithScope": Code("f()", {"x": 1}),
    "int": 5,
    "timestamp": Timestamp(5, 6),
    "long": Int64(5),
    "decimal": Decimal128("5.00"),
    "minKey": MinKey(),
    "maxKey": MaxKey(),
}
SAMPLES: dict[str, Any] = bson.decode(bson.encode(_VALUES), CODEC)
