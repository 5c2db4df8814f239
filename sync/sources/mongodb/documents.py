"""MongoDB's documents, decoded, without what a declaration hides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import bson
from bson.dbref import DBRef
from bson.errors import InvalidBSON

from sync.sources.mongodb.bson_text import CODEC, document_json
from sync.sources.mongodb.ids import as_document, id_of, split
from sync.spec import Column, Table

LENIENT = CODEC.with_options(unicode_decode_error_handler="backslashreplace")


@dataclass(frozen=True)
class Decoded:
    """Documents without what is hidden. `flaws` says what is wrong with some, by their number. Those of which
    `unread` has the bytes cannot be decoded: of them there is the `_id` alone, and not even that where it is
    the id that cannot be decoded."""

    documents: list[dict[str, Any]]
    flaws: dict[int, str]
    unread: dict[int, bytes]


class Decoder:
    """Decodes the documents of one table, and hides what its declaration masks or excludes."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        self._masked = dict.fromkeys(column.source_name for column in columns if column.mask)
        # The server leaves out what is excluded, but for a field whose own name holds the dots.
        self._excluded = [path for path in sorted(table.exclude) if "." in path]

    def decode(self, batch: bytes) -> Decoded:
        """Documents in their order; one that is no valid BSON spoils no other."""
        flaws: dict[int, str] = {}
        unread: dict[int, bytes] = {}
        try:
            documents = bson.decode_all(batch, CODEC)
        except InvalidBSON:
            documents = []
            for number, encoded in enumerate(split(batch)):
                try:
                    documents.append(bson.decode(encoded, CODEC))
                except InvalidBSON as error:
                    flaws[number] = f"not valid BSON: {error}"
                    try:
                        documents.append(bson.decode(encoded, LENIENT))
                    except InvalidBSON:
                        unread[number] = encoded
                        documents.append(_id_alone(encoded))
        if self._masked or self._excluded:
            for document in documents:
                self._hide(document)
        return Decoded(documents, flaws, unread)

    def shown(self, encoded: bytes) -> str:
        """The bytes of a document, or of its id, in hexadecimal; where they may hold what is hidden, the
        SHA-256 of them."""
        hidden = self._masked or self._excluded
        return f"sha256:{sha256(encoded).hexdigest()}" if hidden else encoded.hex()

    def _hide(self, document: dict[str, Any]) -> None:
        for path in self._masked:
            _each(document, path.split("."), _mask)
        for path in self._excluded:
            _each(document, path.split("."), dict.pop)


def _id_alone(encoded: bytes) -> dict[str, Any]:
    try:
        return bson.decode(as_document(id_of(encoded)), LENIENT)
    except InvalidBSON:
        return {}


def _each(value: Any, path: Sequence[str], change: Callable[[dict[str, Any], str], Any]) -> None:
    """Call `change`, with its holder and its name, for each field at a path: as MongoDB follows one, through
    arrays and arrays in these, and by names that hold dots themselves."""
    if isinstance(value, list):
        for index in range(len(value)):
            _each(_opened(value, index), path, change)
    elif isinstance(value, dict):
        for length in range(1, len(path) + 1):
            name = ".".join(path[:length])
            if name not in value:
                continue
            if length == len(path):
                change(value, name)
            else:
                _each(_opened(value, name), path[length:], change)


def _opened(holder: Any, place: int | str) -> Any:
    """A value within another; a reference, which cannot be changed, becomes the document that it is."""
    value = holder[place]
    if isinstance(value, DBRef):
        value = holder[place] = value.as_doc()
    return value


def _mask(holder: dict[str, Any], name: str) -> None:
    """Replace a field's value by its SHA-256."""
    value = holder[name]
    if value is not None:
        plain = value.encode() if isinstance(value, str) else document_json(value)
        holder[name] = sha256(plain).hexdigest()
