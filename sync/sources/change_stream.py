"""MongoDB's change streams: what happened in a database since a position."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sync.errors import SyncError

if TYPE_CHECKING:
    from pymongo import MongoClient

HISTORY_LOST = 286  # the server's code when its oplog no longer holds the token
NOT_A_REPLICA_SET = 40573


def last_change(client: MongoClient[dict[str, Any]], database: str, after: str | None) -> str:
    """The position of the database's last change as seen from `after`, a former answer of this function.

    It is `after` itself while nothing happened; without `after`, or when the server has forgotten it, the
    present end. Raises `SyncError` on a standalone server, which has no change streams.
    """
    from pymongo.errors import OperationFailure  # noqa: PLC0415  (see connections.py)

    token = json.loads(after) if after else None
    try:
        with client[database].watch(resume_after=token, max_await_time_ms=1) as stream:
            newest = token
            while (change := stream.try_next()) is not None:
                newest = change["_id"]
            return json.dumps(newest or stream.resume_token)
    except OperationFailure as error:
        if error.code == HISTORY_LOST and token is not None:
            return last_change(client, database, after=None)
        if error.code == NOT_A_REPLICA_SET:
            raise SyncError(
                f"{database}: a standalone MongoDB has no change streams; make it a replica set"
            ) from error
        raise
