"""MongoDB as a source: declared fields become columns, the whole document one more.

Needs the role `read`. On a replica set (5.0 or newer) a table is read from a snapshot; a standalone server
has none, and is read as it is while it is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import InvalidBSON

from sync.connections import connect_mongodb, mongodb_errors
from sync.copytext import NULL, Chunk, Rejected, escape, key_text, line
from sync.errors import SyncError
from sync.sources.base import Description
from sync.sources.bson_text import document_json, id_text
from sync.sources.bson_types import MisfitError, converter
from sync.sources.change_stream import last_change
from sync.spec import Column, Table
from sync.urls import parse

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

CHUNK_BYTES = 1 << 20
BATCH_DOCUMENTS = 2000
ID = "_id"
SNAPSHOT_WIRE_VERSION = 13  # MongoDB 5.0
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
LENIENT = CODEC.with_options(unicode_decode_error_handler="replace")


class MongoDBSource:
    """A MongoDB server; connects when it is first used."""

    system = "mongodb"

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._opened: MongoClient[dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return f"MongoDBSource({self._url})"

    def describe(self, table: Table) -> Description:
        """The declared fields (`_id` where none are) and the document. A collection need not exist."""
        columns = table.columns or (Column(ID, "text", "The document's id"),)
        document = _document_column(table)
        if document and document not in {column.name for column in columns}:
            columns = (*columns, Column(document, "jsonb", "The whole document as Extended JSON"))
        if not table.adopt:  # the adopted table's types will count, not the declared ones
            for column in columns:
                _converter(table, column)
        with mongodb_errors(f"{table.qualified} from {self._url}"):
            names = self._client()[table.database].list_collection_names(filter={"name": table.source_name})
        return Description(columns, exists=bool(names))

    @contextmanager
    def snapshot(self) -> Iterator[MongoDBSnapshot]:
        client = self._client()
        with mongodb_errors(str(self._url)):
            hello = client.admin.command("hello")
            member = "setName" in hello or hello.get("msg") == "isdbgrid"
            able = member and hello["maxWireVersion"] >= SNAPSHOT_WIRE_VERSION
            session = client.start_session(snapshot=able)
        with session:
            yield MongoDBSnapshot(client, session, hello)

    def last_change(self, after: str | None) -> str:
        """The position of the last change in the URL's database, `after` itself if there was none since: a
        cheap probe. Needs a replica set."""
        with mongodb_errors(str(self._url)):
            return last_change(self._client(), self._url.database, after)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _client(self) -> MongoClient[dict[str, Any]]:
        if self._opened is None:
            self._opened = connect_mongodb(self._url)
        return self._opened


class MongoDBSnapshot:
    """A snapshot session. The server chooses its time, that of the newest majority commit, at the first read
    and keeps it for 300 seconds unless minSnapshotHistoryWindowInSeconds says otherwise."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], session: ClientSession, hello: dict[str, Any]
    ) -> None:
        self._client = client
        self._session = session
        self.taken_at: datetime = hello["localTime"].replace(tzinfo=UTC)
        committed = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
        self.position: str | None = committed and json.dumps({"clusterTime": [committed.time, committed.inc]})

    def read(self, table: Table, columns: Sequence[Column]) -> Iterator[Chunk]:
        rows = _Rows(table, columns)
        collection = self._client[table.database][table.source_name].with_options(CODEC)
        projection = dict.fromkeys(sorted(table.exclude), 0) or None
        with mongodb_errors(table.qualified):
            batches = collection.find_raw_batches(
                {}, projection, batch_size=BATCH_DOCUMENTS, session=self._session
            )
            for batch in cast("Iterator[bytes]", batches):
                yield from rows.chunks(batch)


@dataclass(frozen=True)
class _Field:
    column: Column
    convert: Callable[[Any], str]
    whole: bool  # the document itself


class _Rows:
    """Turns one table's documents into COPY lines."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        self._key = [[column.name for column in columns].index(part) for part in table.key]
        document = _document_column(table)
        self._fields = [
            _Field(column, _converter(table, column), column.name == document) for column in columns
        ]
        self._masked = [column.source_name for column in columns if column.mask]

    def chunks(self, batch: bytes) -> Iterator[Chunk]:
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
        for path in self._masked:
            _mask(document, path)
        fields: list[bytes | None] = []
        flaws = [flaw] if flaw else []
        for field in self._fields:
            value = document if field.whole else _value_at(document, field.column.source_name)
            try:
                absent = value is None and field.column.source_name != ID  # null is an id like any other
                fields.append(NULL if absent else escape(field.convert(value)))
            except MisfitError as error:
                fields.append(None)
                flaws.append(f"column {field.column.name}: {error}")
        complete = [field for field in fields if field is not None]
        return self._reject(document, fields, "; ".join(flaws)) if flaws else line(complete)

    def _reject(self, document: dict[str, Any], fields: list[bytes | None], reason: str) -> Rejected:
        loadable = tuple(field for index in self._key if (field := fields[index]) is not None)
        values = [_value_at(document, self._fields[index].column.source_name) for index in self._key]
        return Rejected(
            loadable if len(loadable) == len(self._key) and self._key else None,
            key_text([id_text(value) for value in values]),
            reason,
            document_json(document).decode(),
        )


def _document_column(table: Table) -> str | None:
    return table.document or (None if table.columns else "document")


def _converter(table: Table, column: Column) -> Callable[[Any], str]:
    try:
        return converter(column.type, is_id=column.source_name == ID)
    except SyncError as error:
        raise SyncError(f"{table.qualified}, column {column.name}: {error}") from error


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
    if path in document:
        return document[path]
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
