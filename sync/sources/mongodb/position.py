"""How far a MongoDB table has followed its replica set, and whether a position still leads to the present."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync.errors import RELOAD, SyncError
from sync.sources.mongodb.rows import ID
from sync.spec import Column, Table

if TYPE_CHECKING:
    from pymongo import MongoClient

OTHER_STRATEGY = "Or declare the strategy watermark or full"
SNAPSHOT_WIRE_VERSION = 13  # MongoDB 5.0
SHARDED = "isdbgrid"


@dataclass(frozen=True)
class StreamPosition:
    """All that happened up to the cluster time `time` (see `change_stream.Event`) is known.

    `collections` are the UUIDs that the collections had then, by `database.name`: a replica set that shows
    others, without a word of them in its log, is another one.
    """

    time: int
    collections: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        seconds, increment = self.time >> 32, self.time & 0xFFFFFFFF
        return json.dumps({"clusterTime": [seconds, increment], "collections": dict(self.collections)})

    @classmethod
    def parse(cls, text: str) -> StreamPosition:
        """Read what `str()` wrote; the collections may be missing. Raises `SyncError` for anything else."""
        try:
            fields = json.loads(text)
            seconds, increment = fields["clusterTime"]
            return cls(seconds << 32 | increment, fields.get("collections", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SyncError(f"{text[:200]!r} is no position in MongoDB's log. {RELOAD}") from error


def namespace(table: Table) -> str:
    return f"{table.database}.{table.source_name}"


def collection_ids(client: MongoClient[dict[str, Any]], tables: Iterable[Table]) -> dict[str, str]:
    """The UUIDs of the tables' collections, of those that exist."""
    names: dict[str, set[str]] = {}
    for table in tables:
        names.setdefault(table.database, set()).add(table.source_name)
    return {
        f"{database}.{found['name']}": str(found["info"]["uuid"].as_uuid())
        for database, wanted in names.items()
        for found in client[database].list_collections(filter={"name": {"$in": sorted(wanted)}})
        if "uuid" in found["info"]
    }


def refuse_unfollowable(client: MongoClient[dict[str, Any]], table: Table, columns: Iterable[Column]) -> None:
    """Raise `SyncError` where change streams do not tell all that happens to a table."""
    hello = client.admin.command("hello")
    if hello.get("msg") == SHARDED:
        raise SyncError(f"{table.qualified}: a sharded cluster's log is not followed. {OTHER_STRATEGY}")
    if "setName" not in hello:
        raise SyncError(
            f"{table.qualified}: a standalone MongoDB has no change streams; make it a replica set, one"
            f" member will do. {OTHER_STRATEGY}"
        )
    if hello["maxWireVersion"] < SNAPSHOT_WIRE_VERSION:
        raise SyncError(f"{table.qualified}: following the log takes MongoDB 5.0. {OTHER_STRATEGY}")
    if foreign := [column.name for column in columns if _is_key(table, column) and column.source_name != ID]:
        raise SyncError(
            f"{table.qualified}: the log names documents by {ID}, but the key is {foreign[0]!r}; declare {ID}"
            f" as the key. {OTHER_STRATEGY}"
        )
    for found in client[table.database].list_collections(filter={"name": table.source_name}):
        kind = "capped collection" if found["options"].get("capped") else found["type"]
        if kind != "collection":
            raise SyncError(
                f"{table.qualified}: {namespace(table)} is a {kind}, of which the log does not tell"
                f" everything. {OTHER_STRATEGY}"
            )


def _is_key(table: Table, column: Column) -> bool:
    return column.name in table.key
