"""MongoDB as a source: declared fields become columns, the whole document one more.

Needs the role `read`. On a replica set (5.0 or newer) a table is read from a snapshot; a standalone server
has none, and is read as it is while it is read. On a replica set its change streams can be followed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from sync.ahead import ahead
from sync.connections.mongodb import connect_mongodb, mongodb_errors
from sync.connections.urls import parse
from sync.copytext import Chunk
from sync.errors import SyncError
from sync.sources.base import Bound, Capabilities, Changes, Description, LogEnd, Mark, Touched
from sync.sources.mongodb.bson_text import CODEC
from sync.sources.mongodb.change_stream import as_number
from sync.sources.mongodb.cursor import cursor_column, cursor_filter, greatest_number
from sync.sources.mongodb.ids import compared, id_of, mark_of, one_of, split
from sync.sources.mongodb.log import ChangeReading
from sync.sources.mongodb.position import (
    SNAPSHOT_WIRE_VERSION,
    StreamPosition,
    collection_ids,
    namespace,
    refuse_unfollowable,
)
from sync.sources.mongodb.probe import keeps_log, log_end, longest_transaction, shown_at
from sync.sources.mongodb.rows import ID, DocumentReader, column_fields, document_column
from sync.sources.mongodb.sessions import SnapshotSessions
from sync.spec import Column, Strategy, Table

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.cursor import RawBatchCursor

BATCH_DOCUMENTS = 2000
PORTION = 2000  # documents that are asked for by their ids at once


class MongoDBSource:
    """A MongoDB server; connects when it is first used."""

    system = "mongodb"
    capabilities = Capabilities(frozenset({Strategy.FULL, Strategy.WATERMARK, Strategy.LOG}))

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._opened: MongoClient[dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return f"MongoDBSource({self._url})"

    def place(self, database: str, table: str) -> str:
        return f"{self.system} {database}.{table}"

    def describe(self, table: Table) -> Description:
        """The declared fields and the document; where none are declared, `_id` and the cursor. A collection
        need not exist."""
        columns = table.columns or (Column(ID, "text", "The document's id"), *self._cursor(table))
        document = document_column(table)
        if document and document not in {column.name for column in columns}:
            columns = (*columns, Column(document, "jsonb", "The whole document as Extended JSON"))
        if not table.adopt:  # the adopted table's types will count, not the declared ones
            for column in columns:
                column_fields(table, column)
        with mongodb_errors(f"{table.qualified} from {self._url}"):
            if table.strategy is Strategy.LOG:
                refuse_unfollowable(self._client(), table, columns)
            names = self._client()[table.database].list_collection_names(filter={"name": table.source_name})
        return Description(columns, exists=bool(names))

    def _cursor(self, table: Table) -> tuple[Column, ...]:
        if not table.cursor:
            return ()
        with mongodb_errors(f"{table.qualified} from {self._url}"):
            return (cursor_column(self._client()[table.database][table.source_name], table, table.cursor),)

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        return [(ID,)]

    def estimate(self, table: Table) -> int | None:
        with mongodb_errors(str(self._url)):
            return self._client()[table.database][table.source_name].estimated_document_count()

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[MongoDBSnapshot]:
        client = self._client()
        bound = self._bound(bound_for) if bound_for else None
        with mongodb_errors(str(self._url)):
            # Of the member that is read: commands go to the primary otherwise.
            hello = client.admin.command("hello", read_preference=client.read_preference)
            member = "setName" in hello or hello.get("msg") == "isdbgrid"
            able = member and hello["maxWireVersion"] >= SNAPSHOT_WIRE_VERSION
            sessions = SnapshotSessions(client, able)
        with closing(sessions):
            snapshot = MongoDBSnapshot(client, sessions, hello, bound)
            if bound_for:
                with mongodb_errors(f"{bound_for.qualified} from {self._url}"):
                    snapshot.limit_bound(bound_for)
            yield snapshot

    def _bound(self, table: Table) -> Bound:
        """The server ends a transaction after a while, a minute unless it was told otherwise."""
        with mongodb_errors(str(self._url)):
            client = self._client()
            greatest = greatest_number(client[table.database][table.source_name], table)
            # Only now: whoever drew a lesser number has begun before.
            now: datetime = client.admin.command("hello")["localTime"].replace(tzinfo=UTC)
            # The same on all members of a replica set, another one after the collection was made anew.
            collection = collection_ids(client, [table]).get(namespace(table))
            longest = longest_transaction(client, timedelta(seconds=table.overlap_seconds))
        return Bound(now - longest, now, greatest, collection)

    def log_end(self) -> LogEnd | None:
        with mongodb_errors(str(self._url)):
            return log_end(self._client())

    def follows(self, position: str) -> bool:
        try:
            StreamPosition.parse(position)
        except SyncError:
            return False
        return True

    def reached(self, position: str, end: LogEnd) -> bool:
        return StreamPosition.parse(position).time == StreamPosition.parse(end.position).time

    def touched(self, starts: Mapping[Table, str], end: LogEnd, limit: int, seconds: float) -> Changes:
        with mongodb_errors(str(self._url)):
            return ChangeReading(self._client(), starts).up_to(
                StreamPosition.parse(end.position).time, limit, seconds
            )

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
    """Reads at one moment. A table that follows the log is read on at a later one where reading takes longer
    than the server keeps a moment: what changed in between lies behind `position`, and so follows."""

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        sessions: SnapshotSessions,
        hello: dict[str, Any],
        bound: Bound | None,
    ) -> None:
        self._client = client
        self._sessions = sessions
        self.bound = bound
        self.taken_at: datetime = shown_at(hello)
        self._asked_at: datetime = hello["localTime"].replace(tzinfo=UTC)
        committed = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
        self._position = StreamPosition(as_number(committed)) if committed else None
        self._chosen = False

    @property
    def position(self) -> str | None:
        return str(self._position) if self._position else None

    @property
    def log_start(self) -> str | None:
        return self.position

    def count(self, table: Table) -> int:
        with mongodb_errors(table.qualified):
            collection = self._client[table.database][table.source_name]
            return collection.count_documents({}, session=self._sessions.current)

    def shows_one_moment(self, table: Table) -> bool:
        return self._sessions.first_moment

    def changes(self, starts: Mapping[Table, str], limit: int) -> Changes:
        with mongodb_errors(", ".join(table.qualified for table in starts)):
            reading = ChangeReading(self._client, starts)
            for table in starts:
                self._choose(table)
            assert self._position is not None
            changes = reading.up_to(self._position.time, limit)
            return replace(changes, complete=changes.complete and not self._sessions.renew())

    def reread(
        self, table: Table, columns: Sequence[Column], touched: Touched, up_to: str | None = None
    ) -> Iterator[tuple[bytes, Chunk]]:
        rows = DocumentReader(table, columns)
        # The server looks for the next documents while these are converted.
        with closing(ahead(self._found(table, touched, up_to))) as portions:
            for keys, documents in portions:
                lines = rows.keys(keys)
                for chunk in rows.chunks([documents]):
                    yield lines, chunk
                    lines = b""

    def _found(
        self, table: Table, touched: Touched, up_to: str | None
    ) -> Generator[tuple[list[bytes], bytes], None, None]:
        """The keys in portions, each with the documents that have them, or the rest of these without keys."""
        remaining = iter(sorted(touched.keys))
        while portion := list(islice(remaining, PORTION)):
            wanted, keys = {id_of(key) for key in portion}, portion
            self._sessions.renew()
            condition = {"$and": [one_of(portion), compared("$lte", up_to)]} if up_to else one_of(portion)
            for batch in self._batches(table, condition):
                yield keys, b"".join([document for document in split(batch) if id_of(document) in wanted])
                keys = []
            if keys:
                yield keys, b""

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        rows = DocumentReader(table, columns)
        if table.strategy is Strategy.LOG:
            with mongodb_errors(table.qualified):
                yield from rows.chunks(self._batches_by_id(table))
            return
        condition = cursor_filter(table, columns, since) if since else {}
        yield from rows.chunks(self._batches(table, condition))

    def _batches(self, table: Table, condition: Mapping[str, Any]) -> Iterator[bytes]:
        with mongodb_errors(table.qualified), closing(self._find(table, condition)) as found:
            yield from cast("Iterator[bytes]", found)

    def _find(self, table: Table, condition: Mapping[str, Any]) -> RawBatchCursor[dict[str, Any]]:
        collection = self._client[table.database][table.source_name].with_options(CODEC)
        projection = dict.fromkeys(sorted(table.exclude), 0) or None
        session = self._sessions.current
        return collection.find_raw_batches(condition, projection, batch_size=BATCH_DOCUMENTS, session=session)

    def portions(self, table: Table, columns: Sequence[Column], after: str | None) -> Iterator[Chunk | Mark]:
        rows = DocumentReader(table, columns)
        with mongodb_errors(table.qualified):
            for batch in self._batches_by_id(table, after):
                yield from rows.chunks([batch])
                yield Mark(mark_of(batch))
        yield Mark(None)

    def _batches_by_id(self, table: Table, after: str | None = None) -> Iterator[bytes]:
        """All documents in the order of their ids, or those behind a mark, in which a later moment can go on
        where one has aged."""
        self._sessions.renew()
        self._choose(table)
        self._identify(table)
        while True:
            condition = compared("$gt", after) if after else {}
            with closing(self._find(table, condition).sort(ID)) as found:
                for batch in cast("Iterator[bytes]", found):
                    yield batch
                    if self._sessions.aged:
                        after = mark_of(batch)
                        break
                else:
                    return
            self._sessions.renew()

    def limit_bound(self, table: Table) -> None:
        """Let the bound hold for what this snapshot shows: on a secondary, and where a majority is behind,
        the newest of it may be older than the moment at which the bound was found."""
        self._choose(table)
        if self.bound and self.bound.at and self._chosen and self._position:
            behind = self._asked_at - datetime.fromtimestamp(self._position.time >> 32, UTC)
            self.bound = replace(self.bound, at=self.bound.at - max(timedelta(0), behind))

    def _choose(self, table: Table) -> None:
        """Let the server choose the moment, which is exactly the position."""
        if not self._chosen and (moment := self._sessions.time(table)):
            self._chosen = True
            self._position = StreamPosition(moment)

    def _identify(self, table: Table) -> None:
        if self._position:
            known = {**self._position.collections, **collection_ids(self._client, [table])}
            self._position = StreamPosition(self._position.time, known)
