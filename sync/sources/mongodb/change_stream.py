"""MongoDB's change streams: what happened in a database since a position.

A stream is asked for by commands (https://www.mongodb.com/docs/manual/changeStreams/): so its batches come as
the server encoded them, and an event costs a microsecond here instead of ten.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp

from sync.ahead import ahead
from sync.errors import TransientError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.client_session import ClientSession

HISTORY_LOST = 286  # the server's code when its oplog no longer holds the token
BATCH_EVENTS = 5000
WAIT_MILLISECONDS = 100  # for a server that lags behind the bound
PATIENCE = 600  # empty answers in a row
INVALIDATE = "invalidate"
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# The layout that `_event` relies on. A field that an event lacks is left out.
LAYOUT = {
    "_id": "$_id",
    "t": "$clusterTime",
    "k": "$documentKey",
    "c": "$ns.coll",
    "o": "$operationType",
    "to": "$to.coll",
}


class Event(NamedTuple):
    """One event: `time` as a number that grows, the document's key (`{_id: …}`) as BSON, empty where what
    happened concerns the collection or the database; `renamed_to` is the collection's new name."""

    time: int
    key: bytes
    collection: str
    operation: str
    renamed_to: str


def as_number(time: Timestamp) -> int:
    """A cluster time as `Event` has it."""
    return time.time << 32 | time.inc


def as_timestamp(number: int) -> Timestamp:
    return Timestamp(number >> 32, number & 0xFFFFFFFF)


def read_events(
    client: MongoClient[dict[str, Any]], database: str, collections: Sequence[str], after: int, bound: int
) -> Generator[Event, None, None]:
    """What happened to these collections after one time and up to another one, which a majority of the
    members has committed.

    Raises `TransientError` when the server stays behind the bound.
    """
    while True:
        with (
            closing(_Stream(client, database, collections, after)) as stream,
            closing(stream.up_to(bound)) as events,
        ):
            for event in events:
                after = event.time
                if event.operation == INVALIDATE:
                    break  # the stream is over, a new one goes on behind it
                yield event
            else:
                return


class _Stream:
    def __init__(
        self, client: MongoClient[dict[str, Any]], database: str, collections: Sequence[str], after: int
    ) -> None:
        self._database = client.get_database(database)
        self._session: ClientSession = client.start_session()
        self._names: dict[bytes, tuple[str, str, str]] = {}
        self._cursor = 0
        names = {"$in": list(collections)}
        ends = {"$in": ["dropDatabase", INVALIDATE]}
        matched = {"$or": [{"ns.coll": names}, {"to.coll": names}, {"operationType": ends}]}
        self._stages = [{"$match": matched}, {"$replaceWith": LAYOUT}]
        self._after = after

    def up_to(self, bound: int) -> Generator[Event, None, None]:
        # The server takes longer to answer than its answer takes here.
        with closing(ahead(self._batches(bound))) as batches:
            for document in chain.from_iterable(batches):
                event = self._event(bytes(document.raw))  # of a long one the driver has but a view
                if event.time > bound:
                    return
                yield event

    def _batches(self, bound: int) -> Generator[list[RawBSONDocument], None, None]:
        end = self._open(bound, 0)["postBatchResumeToken"]["_data"]
        self.close()
        self._session = self._database.client.start_session()
        reply, events = self._open(self._after + 1, BATCH_EVENTS), "firstBatch"
        patience = PATIENCE
        while True:
            batch = reply[events]
            if batch:
                yield batch
            # Tokens in hexadecimal can be compared. With nothing left and its token there, a member has read
            # all that it has up to the bound.
            elif reply["postBatchResumeToken"]["_data"] >= end:
                return
            patience = PATIENCE if batch else patience - 1
            if not patience or not self._cursor:
                raise TransientError(f"{self._database.name}: the change stream does not reach the snapshot")
            reply, events = self._more(1 if batch else WAIT_MILLISECONDS), "nextBatch"

    def _open(self, start: int, size: int) -> Any:
        stream = {"$changeStream": {"startAtOperationTime": as_timestamp(start)}}
        return self._ask(aggregate=1, pipeline=[stream, *self._stages], cursor={"batchSize": size})

    def _more(self, milliseconds: int) -> Any:
        return self._ask(
            getMore=self._cursor,
            collection="$cmd.aggregate",
            batchSize=BATCH_EVENTS,
            maxTimeMS=milliseconds,
        )

    def _ask(self, **command: Any) -> Any:
        reply = self._database.command(command, codec_options=RAW, session=self._session)
        self._cursor = reply["cursor"]["id"]
        return reply["cursor"]

    def _event(self, raw: bytes) -> Event:
        at = 9 + int.from_bytes(raw[9:13], "little")  # behind the length, `_id`'s type and name, and `_id`
        time = int.from_bytes(raw[at + 3 : at + 11], "little")
        if raw[at + 11 : at + 14] != b"\x03k\0":
            fields = bson.decode(raw)
            return Event(time, b"", fields.get("c", ""), fields["o"], fields.get("to", ""))
        start = at + 14
        end = start + int.from_bytes(raw[start : start + 4], "little")
        rest = raw[end:]
        names = self._names.get(rest)
        if names is None:
            fields = bson.decode(raw)
            names = self._names[rest] = (fields["c"], fields["o"], "")
        return Event(time, raw[start:end], *names)

    def close(self) -> None:
        if self._cursor:
            self._database.command(
                "killCursors", "$cmd.aggregate", cursors=[self._cursor], session=self._session
            )
            self._cursor = 0
        self._session.end_session()
