"""Whether collections changed since a position, asked of a change stream: a look that keeps nothing open.

A position is a cluster time, as a snapshot has it. The user needs the role `read`; only one who may read the
database `local` is told how far back the oplog goes.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.errors import SyncError
from sync.sources.base import Changes, LogEnd, Touched
from sync.spec import Table

if TYPE_CHECKING:
    from bson.timestamp import Timestamp
    from pymongo import MongoClient

NOT_PERMITTED = 13
WAIT_MILLISECONDS = 20  # for a member that has not yet read its oplog up to the end
WHOLE_DATABASE = ["dropDatabase", "invalidate"]


def position_of(hello: Mapping[str, Any]) -> str | None:
    """Up to where a majority has committed, by the answer to `hello`; None on a standalone server."""
    committed = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
    return json.dumps({"clusterTime": [committed.time, committed.inc]}) if committed else None


def cluster_time(position: str) -> Timestamp:
    """Raises `SyncError` for what is no position in an oplog."""
    from bson.timestamp import Timestamp  # noqa: PLC0415  (see connections.py)

    try:
        seconds, number = json.loads(position)["clusterTime"]
        return Timestamp(seconds, number)
    except (ValueError, KeyError, TypeError) as error:
        raise SyncError(f"{position[:200]!r} is no position in MongoDB's oplog: reload the table") from error


def log_end(client: MongoClient[dict[str, Any]]) -> LogEnd | None:
    hello = client.admin.command("hello")
    position = position_of(hello)
    return LogEnd(position, hello["localTime"].replace(tzinfo=UTC)) if position else None


def touched(
    client: MongoClient[dict[str, Any]],
    starts: Mapping[Table, str],
    end: LogEnd,
    limit: int,
    seconds: float,
) -> Changes:
    """See `LogSource.touched`; without the keys, and with the first position where it ended early."""
    after = min(map(cluster_time, starts.values()))
    first = json.dumps({"clusterTime": [after.time, after.inc]})
    found: dict[Table, Touched] = {}
    complete = True
    for database in sorted({table.database for table in starts}):
        tables = [table for table in starts if table.database == database]
        events, read = _events(client, database, tables, after, cluster_time(end.position), limit, seconds)
        found |= {table: Touched((), events[table.source_name]) for table in tables}
        complete &= read
    return Changes(found, end.position if complete else first, complete, None)


def _events(
    client: MongoClient[dict[str, Any]],
    database: str,
    tables: list[Table],
    after: Timestamp,
    end: Timestamp,
    limit: int,
    seconds: float,
) -> tuple[Counter[str], bool]:
    """The number of events of each collection, and whether the stream was read up to the end."""
    from bson.timestamp import Timestamp  # noqa: PLC0415

    names = {table.source_name for table in tables}
    listed = {"$in": sorted(names)}
    ours = [{"ns.coll": listed}, {"to.coll": listed}, {"operationType": {"$in": WHOLE_DATABASE}}]
    shown = {"ns.coll": 1, "to.coll": 1, "operationType": 1, "clusterTime": 1}
    last = _token_at(client, database, end)
    events: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    with client[database].watch(
        [{"$match": {"$or": ours}}, {"$project": shown}],
        start_at_operation_time=Timestamp(after.time, after.inc + 1),
        max_await_time_ms=WAIT_MILLISECONDS,
    ) as stream:
        while time.monotonic() < deadline and events.total() < limit:
            change = stream.try_next()
            if change is None:
                # Tokens in hexadecimal can be compared: with nothing left, and at the end, all is read.
                if stream.resume_token and stream.resume_token["_data"] >= last:
                    return events, True
            elif change["clusterTime"] > end:
                return events, True
            elif change["operationType"] in WHOLE_DATABASE:
                return Counter(names), True
            else:
                events.update({change["ns"]["coll"], change.get("to", {}).get("coll", "")} & names)
    return events, False


def _token_at(client: MongoClient[dict[str, Any]], database: str, time: Timestamp) -> str:
    """The token of a stream that begins at a time, before its first event."""
    command = {
        "aggregate": 1,
        "pipeline": [{"$changeStream": {"startAtOperationTime": time}}],
        "cursor": {"batchSize": 0},
    }
    with client.start_session() as session:
        cursor = client[database].command(command, session=session)["cursor"]
        client[database].command(
            {"killCursors": "$cmd.aggregate", "cursors": [cursor["id"]]}, session=session
        )
    return str(cursor["postBatchResumeToken"]["_data"])


def keeps_log(client: MongoClient[dict[str, Any]]) -> timedelta | None:
    """The oplog's window, None for a user who may not read it."""
    from pymongo.errors import OperationFailure  # noqa: PLC0415

    try:
        oldest = client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    except OperationFailure as error:
        if error.code == NOT_PERMITTED:
            return None
        raise
    return datetime.now(UTC) - oldest["ts"].as_datetime() if oldest else None
