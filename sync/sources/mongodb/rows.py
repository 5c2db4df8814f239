"""The documents of one MongoDB collection as COPY lines."""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from sync.copytext import NULL, Chunk, Rejected, key_text
from sync.errors import SyncError
from sync.sources.mongodb.bson_fields import Fields, fields_of
from sync.sources.mongodb.bson_text import document_json, id_text
from sync.sources.mongodb.bson_types import MisfitError
from sync.sources.mongodb.documents import Decoder
from sync.sources.mongodb.ids import id_of, pieces
from sync.spec import Column, Table

CHUNK_BYTES = 1 << 20
PIECE_BYTES = 1 << 15  # of BSON that is decoded at once: what that makes stays in the processor's cache
ID = "_id"
OBJECT_ID = 0x07  # its type in BSON
Values = Callable[[Sequence[dict[str, Any]]], Sequence[Any]]


def document_column(table: Table) -> str | None:
    """The column that keeps the document: the declared one, or one where no columns are declared at all."""
    return table.document or (None if table.columns else "document")


def column_fields(table: Table, column: Column) -> Fields:
    """What turns values into a column's fields; raises `SyncError`, naming table and column, for a type that
    no value can have."""
    try:
        return fields_of(column.type, is_id=column.source_name == ID)
    except SyncError as error:
        raise SyncError(f"{table.qualified}, column {column.name}: {error}") from error


class DocumentReader:
    """Turns the documents of one table into rows."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._key = [[column.name for column in columns].index(part) for part in table.key]
        document = document_column(table)
        # Of each column: what finds its values in documents, and what writes them.
        self._fields = [
            (
                _values_of(None if column.name == document else column.source_name),
                column_fields(table, column),
            )
            for column in columns
        ]
        keys = [columns[index] for index in self._key]
        self._plain_id = [(key.source_name, key.type, key.mask) for key in keys] == [(ID, "text", False)]
        self._decoder = Decoder(table, columns)

    def chunks(self, batches: Iterable[bytes]) -> Iterator[Chunk]:
        """The rows of documents, in batches as the server sent them."""
        lines: list[bytes] = []
        rejected: list[Rejected] = []
        rows = size = 0
        for piece in (piece for batch in batches for piece in pieces(batch, PIECE_BYTES)):
            part = self._piece(piece)
            lines.append(part.lines)
            rejected += part.rejected
            rows += part.rows
            size += len(part.lines)
            if size >= CHUNK_BYTES:
                yield Chunk(b"".join(lines), rows, tuple(rejected))
                lines, rejected, rows, size = [], [], 0, 0
        yield Chunk(b"".join(lines), rows, tuple(rejected))

    def keys(self, documents: Sequence[bytes]) -> bytes:
        """The keys of documents `{_id: …}` as COPY lines, without those that no row can have."""
        if self._plain_id and all(document[4] == OBJECT_ID for document in documents):
            return b"".join([b"%s\n" % hexlify(document[9:21]) for document in documents])
        key_fields = [self._fields[index] for index in self._key]
        found = self._decoder.decode(b"".join(documents))
        decoded = [document for document in found.documents if document]
        with suppress(MisfitError):
            return _lines(decoded, key_fields)
        return b"".join(filter(None, (_line(document, key_fields) for document in decoded)))

    def _piece(self, piece: bytes) -> Chunk:
        """The rows of some documents: all at once, which is much less work, if nothing is wrong with any."""
        found = self._decoder.decode(piece)
        flaws = found.flaws
        if not flaws:
            with suppress(MisfitError):
                return Chunk(_lines(found.documents, self._fields), len(found.documents))
        lines: list[bytes] = []
        rejected: list[Rejected] = []
        for number, document in enumerate(found.documents):
            if number in found.unread:
                rejected.append(self._reject_unread(document, found.unread[number], flaws[number]))
            elif number not in flaws and (written := _line(document, self._fields)):
                lines.append(written)
            else:
                rejected.append(self._reject(document, flaws.get(number)))
        return Chunk(b"".join(lines), len(lines), tuple(rejected))

    def _reject(self, document: dict[str, Any], flaw: str | None) -> Rejected:
        written: list[bytes] = []
        flaws = [flaw] if flaw else []
        misfits: set[int] = set()
        for index, (values_of, fields) in enumerate(self._fields):
            try:
                written += fields(values_of([document]))
            except MisfitError as error:
                misfits.add(index)
                flaws.append(f"column {self._columns[index].name}: {error}")
                written.append(NULL)
        loadable = bool(self._key) and misfits.isdisjoint(self._key)
        key = [_value_at(document, self._columns[index].source_name) for index in self._key]
        return Rejected(
            tuple(written[index] for index in self._key) if loadable else None,
            key_text([id_text(value) for value in key]),
            "; ".join(flaws),
            document_json(document).decode(),
        )

    def _reject_unread(self, document: dict[str, Any], encoded: bytes, flaw: str) -> Rejected:
        """A document that cannot be decoded, by its `_id`, which is all that there is of it in `document`."""
        key = None
        if document and self._key and all(self._columns[index].source_name == ID for index in self._key):
            keys = [self._fields[index] for index in self._key]
            with suppress(MisfitError):
                key = tuple(fields(values_of([document]))[0] for values_of, fields in keys)
        shown = id_text(document[ID]) if document else self._decoder.shown(id_of(encoded))
        return Rejected(key, key_text([shown]), flaw, self._decoder.shown(encoded))


def _lines(documents: Sequence[dict[str, Any]], columns: Sequence[tuple[Values, Fields]]) -> bytes:
    """Documents as COPY lines. Raises `MisfitError` when a value does not fit its column."""
    written = [fields(values_of(documents)) for values_of, fields in columns]
    return b"\n".join([*map(b"\t".join, zip(*written, strict=True)), b""])


def _line(document: dict[str, Any], columns: Sequence[tuple[Values, Fields]]) -> bytes | None:
    """A document as a COPY line, None where a value does not fit its column."""
    with suppress(MisfitError):
        return _lines([document], columns)
    return None


def _values_of(path: str | None) -> Values:
    """What finds a field's values in documents; the path None is the document itself."""
    if path is None:
        return lambda documents: documents
    if "." in path:
        return lambda documents: [_value_at(document, path) for document in documents]
    return lambda documents: [document.get(path) for document in documents]


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
