"""MongoDB as a source: declared fields become columns, the whole document one more.

Needs the role `read`. On a replica set (5.0 or newer) a table is read from a snapshot; a standalone server
has none, and is read as it is while it is read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from sync.ahead import ahead
from sync.connections import connect_mongodb, mongodb_errors
from sync.copytext import Chunk
from sync.errors import SyncError
from sync.sources.base import Bound, Capabilities, Changes, Description, LogEnd
from sync.sources.bson_text import CODEC
from sync.sources.mongodb_cursor import cursor_column, cursor_filter, greatest_number
from sync.sources.mongodb_probe import cluster_time, keeps_log, log_end, position_of, touched
from sync.sources.mongodb_rows import ID, DocumentReader, column_field, document_column
from sync.spec import Column, Strategy, Table
from sync.urls import parse

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

BATCH_DOCUMENTS = 2000
LONGEST_TRANSACTION = timedelta(seconds=60)
SNAPSHOT_WIRE_VERSION = 13  # MongoDB 5.0


class MongoDBSource:
    """A MongoDB server; connects when it is first used."""

    system = "mongodb"
    capabilities = Capabilities(frozenset({Strategy.FULL, Strategy.WATERMARK}))

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._opened: MongoClient[dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return f"MongoDBSource({self._url})"

    def describe(self, table: Table) -> Description:
        """The declared fields and the document; where none are declared, `_id` and the cursor. A collection
        need not exist."""
        columns = table.columns or (Column(ID, "text", "The document's id"), *self._cursor(table))
        document = document_column(table)
        if document and document not in {column.name for column in columns}:
            columns = (*columns, Column(document, "jsonb", "The whole document as Extended JSON"))
        if not table.adopt:  # the adopted table's types will count, not the declared ones
            for column in columns:
                column_field(table, column)
        with mongodb_errors(f"{table.qualified} from {self._url}"):
            names = self._client()[table.database].list_collection_names(filter={"name": table.source_name})
        return Description(columns, exists=bool(names))

    def _cursor(self, table: Table) -> tuple[Column, ...]:
        if not table.cursor:
            return ()
        with mongodb_errors(f"{table.qualified} from {self._url}"):
            return (cursor_column(self._client()[table.database][table.source_name], table, table.cursor),)

    def primary_key(self, table: Table) -> tuple[str, ...]:
        return (ID,)

    def estimate(self, table: Table) -> int | None:
        with mongodb_errors(str(self._url)):
            return self._client()[table.database][table.source_name].estimated_document_count()

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[MongoDBSnapshot]:
        client = self._client()
        bound = self._bound(bound_for) if bound_for else None
        with mongodb_errors(str(self._url)):
            hello = client.admin.command("hello")
            member = "setName" in hello or hello.get("msg") == "isdbgrid"
            able = member and hello["maxWireVersion"] >= SNAPSHOT_WIRE_VERSION
            session = client.start_session(snapshot=able)
        with session:
            yield MongoDBSnapshot(client, session, hello, bound)

    def _bound(self, table: Table) -> Bound:
        """The server ends a transaction after a minute (transactionLifetimeLimitSeconds)."""
        with mongodb_errors(str(self._url)):
            client = self._client()
            greatest = greatest_number(client[table.database][table.source_name], table)
            # Only now: whoever drew a lesser number has begun before.
            now: datetime = client.admin.command("hello")["localTime"].replace(tzinfo=UTC)
        return Bound(now - LONGEST_TRANSACTION, now, greatest)

    def log_end(self) -> LogEnd | None:
        with mongodb_errors(str(self._url)):
            return log_end(self._client())

    def follows(self, position: str) -> bool:
        try:
            cluster_time(position)
        except SyncError:
            return False
        return True

    def reached(self, position: str, end: LogEnd) -> bool:
        return cluster_time(position) == cluster_time(end.position)

    def touched(self, starts: Mapping[Table, str], end: LogEnd, limit: int, seconds: float) -> Changes:
        with mongodb_errors(str(self._url)):
            return touched(self._client(), starts, end, limit, seconds)

    def keeps_log(self) -> timedelta | None:
        with mongodb_errors(str(self._url)):
            return keeps_log(self._client())

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
        self,
        client: MongoClient[dict[str, Any]],
        session: ClientSession,
        hello: dict[str, Any],
        bound: Bound | None,
    ) -> None:
        self._client = client
        self.bound = bound
        self._session = session
        self.taken_at: datetime = hello["localTime"].replace(tzinfo=UTC)
        self.position: str | None = position_of(hello)

    def count(self, table: Table) -> int:
        with mongodb_errors(table.qualified):
            return self._client[table.database][table.source_name].count_documents({}, session=self._session)

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        # Documents are decoded on this side, which takes about as long as the target's work.
        return ahead(self._chunks(table, columns, since))

    def _chunks(
        self, table: Table, columns: Sequence[Column], since: str | None
    ) -> Generator[Chunk, None, None]:
        rows = DocumentReader(table, columns)
        collection = self._client[table.database][table.source_name].with_options(CODEC)
        projection = dict.fromkeys(sorted(table.exclude), 0) or None
        condition = cursor_filter(table, columns, since) if since else {}
        with mongodb_errors(table.qualified):
            batches = collection.find_raw_batches(
                condition, projection, batch_size=BATCH_DOCUMENTS, session=self._session
            )
            for batch in cast("Iterator[bytes]", batches):
                yield from rows.chunks(batch)
