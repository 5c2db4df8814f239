"""The documents of one MongoDB collection as COPY lines."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from operator import methodcaller
from typing import Any

import bson
from bson.errors import InvalidBSON

from sync.copytext import NULL, Chunk, Rejected, key_text, line
from sync.errors import SyncError
from sync.sources.bson_fields import Field, field_of
from sync.sources.bson_text import CODEC, document_json, id_text
from sync.sources.bson_types import MisfitError
from sync.spec import Column, Table

CHUNK_BYTES = 1 << 20
ID = "_id"
OBJECT_ID = 0x07  # its type in BSON
LENIENT = CODEC.with_options(unicode_decode_error_handler="backslashreplace")


def document_column(table: Table) -> str | None:
    """The column that keeps the document: the declared one, or one where no columns are declared at all."""
    return table.document or (None if table.columns else "document")


def column_field(table: Table, column: Column) -> Field:
    """What turns a document's value into a column's field; raises `SyncError`, naming table and column, for a
    type that no value can have."""
    try:
        return field_of(column.type, is_id=column.source_name == ID)
    except SyncError as error:
        raise SyncError(f"{table.qualified}, column {column.name}: {error}") from error


class DocumentReader:
    """Turns the documents of one table into rows."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._key = [[column.name for column in columns].index(part) for part in table.key]
        document = document_column(table)
        # Of each column: how to find its value in a document, and how to write it.
        self._fields = [
            (_value_of(None if column.name == document else column.source_name), column_field(table, column))
            for column in columns
        ]
        self._key_fields = [self._fields[index] for index in self._key]
        keys = [columns[index] for index in self._key]
        self._plain_id = [(key.source_name, key.type, key.mask) for key in keys] == [(ID, "text", False)]
        self._masked = [column.source_name for column in columns if column.mask]

    def chunks(self, documents: Iterable[bytes]) -> Iterator[Chunk]:
        """The rows of documents as the server sent them."""
        lines: list[bytes] = []
        rejected: list[Rejected] = []
        size = 0
        for document, flaw in _decoded(documents):
            row = self._row(document, flaw)
            if isinstance(row, Rejected):
                rejected.append(row)
                continue
            lines.append(row)
            size += len(row)
            if size >= CHUNK_BYTES:
                yield Chunk(b"".join(lines), len(lines), tuple(rejected))
                lines, rejected, size = [], [], 0
        yield Chunk(b"".join(lines), len(lines), tuple(rejected))

    def keys(self, documents: Sequence[bytes]) -> bytes:
        """The keys of documents `{_id: …}` as COPY lines, without those that no row can have."""
        if self._plain_id and all(document[4] == OBJECT_ID for document in documents):
            return b"".join([b"%s\n" % hexlify(document[9:21]) for document in documents])
        lines: list[bytes] = []
        for document, _ in _decoded(documents):
            for masked in self._masked:
                _mask(document, masked)
            try:
                lines.append(line([field(value_of(document)) for value_of, field in self._key_fields]))
            except MisfitError:
                continue
        return b"".join(lines)

    def _row(self, document: dict[str, Any], flaw: str) -> bytes | Rejected:
        for masked in self._masked:
            _mask(document, masked)
        if flaw:
            return self._reject(document, flaw)
        try:
            return line([field(value_of(document)) for value_of, field in self._fields])
        except MisfitError:
            return self._reject(document)

    def _reject(self, document: dict[str, Any], *flaws: str) -> Rejected:
        fields: list[bytes] = []
        misfits: dict[int, str] = {}
        for index, (value_of, field) in enumerate(self._fields):
            try:
                fields.append(field(value_of(document)))
            except MisfitError as error:
                misfits[index] = f"column {self._columns[index].name}: {error}"
                fields.append(NULL)
        loadable = bool(self._key) and not any(index in misfits for index in self._key)
        key = [_value_at(document, self._columns[index].source_name) for index in self._key]
        return Rejected(
            tuple(fields[index] for index in self._key) if loadable else None,
            key_text([id_text(value) for value in key]),
            "; ".join([*flaws, *misfits.values()]),
            document_json(document).decode(),
        )


def _decoded(documents: Iterable[bytes]) -> Iterator[tuple[dict[str, Any], str]]:
    """Documents, each with what is wrong with it: text that is not UTF-8 spoils its own."""
    for encoded in documents:
        try:
            yield bson.decode(encoded, CODEC), ""
        except InvalidBSON as error:
            yield bson.decode(encoded, LENIENT), f"not valid BSON: {error}"


def _value_of(path: str | None) -> Callable[[dict[str, Any]], Any]:
    """What finds a field's value; the path None is the document itself."""
    if path is None:
        return lambda document: document
    if "." in path:
        return lambda document: _value_at(document, path)
    return methodcaller("get", path)


def _value_at(document: dict[str, Any], path: str) -> Any:
    """A field's value, by its name (which may hold dots) or else by its path; None where it is missing."""
    if path in document or "." not in path:
        return document.get(path)
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _mask(document: dict[str, Any], path: str) -> None:
    """Replace a value in the document by its SHA-256."""
    value = _value_at(document, path)
    if value is None:
        return
    plain = value.encode() if isinstance(value, str) else document_json(value)
    holder, name = document, path
    if path not in document:
        parents, name = path.rsplit(".", 1)
        holder = _value_at(document, parents)
    holder[name] = sha256(plain).hexdigest()
