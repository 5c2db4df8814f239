"""Where MongoDB's log ends, and how far back it goes: asked in a moment, nothing is kept open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.sources.base import LogEnd
from sync.sources.mongodb.change_stream import as_number
from sync.sources.mongodb.position import StreamPosition

if TYPE_CHECKING:
    from pymongo import MongoClient

NOT_PERMITTED = 13
DEFAULT_TRANSACTION = timedelta(seconds=60)


def log_end(client: MongoClient[dict[str, Any]]) -> LogEnd | None:
    """Up to where a majority has committed; None on a standalone server."""
    hello = client.admin.command("hello")
    committed = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
    if committed is None:
        return None
    return LogEnd(str(StreamPosition(as_number(committed))), shown_at(hello))


def shown_at(hello: Mapping[str, Any]) -> datetime:
    """The moment that is read from the member which has answered, by the primary's clock: its own one's time
    where a majority has all that it has written, else that of the last write that one has. An idle primary
    writes every ten seconds for this."""
    now: datetime = hello["localTime"].replace(tzinfo=UTC)
    written = hello.get("lastWrite")
    if not written or "majorityWriteDate" not in written:
        return now
    if not hello.get("secondary") and written["opTime"] == written["majorityOpTime"]:
        return now
    shown: datetime = written["majorityWriteDate"].replace(tzinfo=UTC)
    return min(now, shown)


def longest_transaction(client: MongoClient[dict[str, Any]], overlap: timedelta) -> timedelta:
    """After which time the server ends a transaction (transactionLifetimeLimitSeconds). Where this user may
    not ask, a minute, its default, and no less than a table's `overlap`."""
    from pymongo.errors import OperationFailure  # noqa: PLC0415  (a pass over MySQL need not load it)

    name = "transactionLifetimeLimitSeconds"
    try:
        return timedelta(seconds=int(client.admin.command({"getParameter": 1, name: 1})[name]))
    except OperationFailure as error:
        if error.code != NOT_PERMITTED:
            raise
        return max(DEFAULT_TRANSACTION, overlap)


def keeps_log(client: MongoClient[dict[str, Any]]) -> timedelta | None:
    """The oplog's window, None for a user who may not read it."""
    from pymongo.errors import OperationFailure  # noqa: PLC0415  (a pass over MySQL need not load it)

    try:
        oldest = client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    except OperationFailure as error:
        if error.code == NOT_PERMITTED:
            return None
        raise
    return datetime.now(UTC) - oldest["ts"].as_datetime() if oldest else None
