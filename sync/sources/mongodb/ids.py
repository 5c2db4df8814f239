"""Documents and their ids in BSON (https://bsonspec.org/spec.html), as the server sent them.

Decoded and encoded again, an id need not be the same: code has no type of its own there, for one.
Ids of which the server takes two for one (1 and 1.0, or under a collation "a" and "A") are different here, as
they are in a target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any

from bson.raw_bson import RawBSONDocument

# By the type of a value: how long it is, or how much longer than the number with which it begins.
_LENGTHS = {
    0x01: 8, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0,
}  # fmt: skip
_FURTHER = {0x02: 4, 0x03: 0, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x0F: 0}
_INT32 = Struct("<i")
_VALUE = 9  # where `_id`'s value begins: behind the document's length, the type and the name


def split(batch: bytes) -> Iterator[bytes]:
    """The documents of a batch."""
    return pieces(batch, 1)


def pieces(batch: bytes, size: int) -> Iterator[bytes]:
    """A batch in pieces of whole documents, of `size` bytes or up to one document more."""
    length_at = _INT32.unpack_from
    start = end = 0
    while start < len(batch):
        full = min(start + size, len(batch))
        while end < full:
            end += length_at(batch, end)[0]
        yield batch[start:end]
        start = end


def id_of(document: bytes) -> bytes:
    """The type, name and value of a document's `_id`, which a server keeps first."""
    length = _LENGTHS.get(document[4])
    if length is None:
        length = int.from_bytes(document[_VALUE : _VALUE + 4], "little") + _FURTHER[document[4]]
    return document[4 : _VALUE + length]


def one_of(keys: Sequence[bytes]) -> RawBSONDocument:
    """The filter `{_id: {$in: […]}}` for keys `{_id: …}`."""
    values = b"".join(
        key[4:5] + str(number).encode() + b"\0" + key[_VALUE:-1] for number, key in enumerate(keys)
    )
    condition = as_document(b"\x04$in\0" + as_document(values))
    return RawBSONDocument(as_document(b"\x03_id\0" + condition))


def mark_of(batch: bytes) -> str:
    """The place of a batch's last document in the order of ids: its id, in hexadecimal."""
    *_, document = split(batch)
    return id_of(document).hex()


def compared(operator: str, mark: str) -> dict[str, Any]:
    """The filter of the documents before or behind a mark."""
    value = RawBSONDocument(as_document(bytes.fromhex(mark)))["_id"]
    # Outside $expr only values of the same type are compared.
    return {"$expr": {operator: ["$_id", {"$literal": value}]}}


def as_document(elements: bytes) -> bytes:
    """The document of some fields, encoded one behind the other."""
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"
