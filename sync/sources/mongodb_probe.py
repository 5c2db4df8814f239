"""Where MongoDB's log ends, and how far back it goes: asked in a moment, nothing is kept open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.sources.base import LogEnd
from sync.sources.change_stream import as_number
from sync.sources.mongodb_position import Position

if TYPE_CHECKING:
    from pymongo import MongoClient

NOT_PERMITTED = 13


def log_end(client: MongoClient[dict[str, Any]]) -> LogEnd | None:
    """Up to where a majority has committed; None on a standalone server."""
    hello = client.admin.command("hello")
    committed = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
    if committed is None:
        return None
    return LogEnd(str(Position(as_number(committed))), hello["localTime"].replace(tzinfo=UTC))


def keeps_log(client: MongoClient[dict[str, Any]]) -> timedelta | None:
    """The oplog's window, None for a user who may not read it."""
    from pymongo.errors import OperationFailure  # noqa: PLC0415  (see connections.py)

    try:
        oldest = client["local"]["oplog.rs"].find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    except OperationFailure as error:
        if error.code == NOT_PERMITTED:
            return None
        raise
    return datetime.now(UTC) - oldest["ts"].as_datetime() if oldest else None
