"""The documents of one MongoDB collection as COPY lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from hashlib import sha256
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

from sync.copytext import NULL, Chunk, Rejected, escape, key_text, line
from sync.errors import SyncError
from sync.sources.bson_text import document_json, id_text
from sync.sources.bson_types import MisfitError, converter
from sync.spec import Column, Table

CHUNK_BYTES = 1 << 20
ID = "_id"
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
LENIENT = CODEC.with_options(unicode_decode_error_handler="replace")


def document_column(table: Table) -> str | None:
    """The column that keeps the document: the declared one, or one where no columns are declared at all."""
    return table.document or (None if table.columns else "document")


def column_converter(table: Table, column: Column) -> Callable[[Any], str]:
    """What turns a field's value into text; raises `SyncError`, naming table and column, for a type that no
    field can have."""
    try:
        return converter(column.type, is_id=column.source_name == ID)
    except SyncError as error:
        raise SyncError(f"{table.qualified}, column {column.name}: {error}") from error


class DocumentReader:
    """Turns the documents of one table into rows."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._key = [[column.name for column in columns].index(part) for part in table.key]
        document = document_column(table)
        # Of each column: the field's name or path (None for the document itself) and its converter.
        self._fields = [
            (None if column.name == document else column.source_name, column_converter(table, column))
            for column in columns
        ]
        self._masked = [column.source_name for column in columns if column.mask]

    def chunks(self, batch: bytes) -> Iterator[Chunk]:
        """The rows of one batch of documents as the server sent it."""
        lines: list[bytes] = []
        rejected: list[Rejected] = []
        size = 0
        for document, flaw in _documents(batch):
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

    def _row(self, document: dict[str, Any], flaw: str) -> bytes | Rejected:
        for masked in self._masked:
            _mask(document, masked)
        fields: list[bytes] = []
        misfits: dict[int, str] = {}
        for path, convert in self._fields:
            value = document if path is None else _value_at(document, path)
            try:
                # A null id is an id like any other.
                fields.append(NULL if value is None and path != ID else escape(convert(value)))
            except MisfitError as error:
                misfits[len(fields)] = f"column {self._columns[len(fields)].name}: {error}"
                fields.append(NULL)
        if not flaw and not misfits:
            return line(fields)
        loadable = bool(self._key) and not any(index in misfits for index in self._key)
        key = [_value_at(document, self._columns[index].source_name) for index in self._key]
        return Rejected(
            tuple(fields[index] for index in self._key) if loadable else None,
            key_text([id_text(value) for value in key]),
            "; ".join([flaw] * bool(flaw) + list(misfits.values())),
            document_json(document).decode(),
        )


def _documents(batch: bytes) -> Iterator[tuple[dict[str, Any], str]]:
    """The documents of a batch, each with what is wrong with it: text that is not UTF-8 spoils its own."""
    position = 0
    while position < len(batch):
        end = position + int.from_bytes(batch[position : position + 4], "little")
        encoded, position = batch[position:end], end
        try:
            yield bson.decode(encoded, CODEC), ""
        except InvalidBSON as error:
            yield bson.decode(encoded, LENIENT), f"not valid BSON: {error}"


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
