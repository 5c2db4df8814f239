"""What MongoDB's change streams say of several tables up to a moment: the ids of documents that changed, and
what happened to whole collections."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sync.errors import RELOAD, SyncError
from sync.sources.base import Changes, Touched
from sync.sources.mongodb.change_stream import HISTORY_LOST, Event, read_events
from sync.sources.mongodb.position import StreamPosition, collection_ids, namespace
from sync.spec import Table

if TYPE_CHECKING:
    from pymongo import MongoClient

# The log does not hold the start, a token was not found in it, it was overwritten while it was read.
LOST = {HISTORY_LOST, 280, 136}


@dataclass
class _Said:
    """What the log has said of one table, beyond what the table knew at the time `after`."""

    name: str
    after: int
    ids: set[bytes] = field(default_factory=set)
    changes: int = 0
    reload: str | None = None

    def take(self, event: Event) -> None:
        if event.time <= self.after:
            return
        if event.key:
            self.ids.add(event.key)
            self.changes += 1
        elif self.reload is None:
            self.reload = _reason(event, self.name)


def _reason(event: Event, name: str) -> str:
    """Why a collection has to be read whole."""
    if event.operation == "drop":
        return "it was dropped"
    if event.operation == "dropDatabase":
        return "its database was dropped"
    if event.operation == "rename":
        became = event.renamed_to == name
        return f"{event.collection!r} became it" if became else f"it was renamed to {event.renamed_to!r}"
    raise SyncError(
        f"{name}: its change stream tells of {event.operation!r}, which is not known here. {RELOAD}"
    )


class ChangeReading:
    """One reading of a replica set's log; make it before the snapshot up to which it is to read."""

    def __init__(self, client: MongoClient[dict[str, Any]], starts: Mapping[Table, str]) -> None:
        self._client = client
        self._starts = {table: StreamPosition.parse(start) for table, start in starts.items()}
        self._said = {
            table: _Said(table.source_name, position.time) for table, position in self._starts.items()
        }
        self._present = collection_ids(client, starts)
        self._last = 0

    def up_to(self, bound: int, limit: int, seconds: float = math.inf) -> Changes:
        """What the log says up to a snapshot's time; see `LogSnapshot.changes`. The reading of a database
        ends early after so many seconds, too."""
        self._refuse_future(bound)
        reached = bound
        for database in sorted({table.database for table in self._said}):
            reached = self._read(database, reached, limit, time.monotonic() + seconds)
        complete = reached == bound
        if complete:
            self._refuse_foreign()
        return Changes(
            {table: Touched(said.ids, said.changes, said.reload) for table, said in self._said.items()},
            str(self._position(reached)),
            complete,
            datetime.fromtimestamp(self._last >> 32, UTC) if self._last else None,
        )

    def _read(self, database: str, bound: int, limit: int, deadline: float) -> int:
        """Read a database's events. Returns up to which time all of them are known: the bound, or the end of
        the transaction with which a limit was reached; what has one time is one transaction. How long the
        server looks for the first of them has no limit."""
        from pymongo.errors import OperationFailure  # noqa: PLC0415  (a pass over MySQL need not load it)

        followed: dict[str, list[_Said]] = {}
        for table, said in self._said.items():
            if table.database == database:
                followed.setdefault(table.source_name, []).append(said)
        everything = [said for group in followed.values() for said in group]
        after, last = min(said.after for said in everything), 0
        room = limit - self._ids
        try:
            with closing(read_events(self._client, database, list(followed), after, bound)) as events:
                for event in events:
                    if last != event.time:
                        full = room <= 0 and (room := limit - self._ids) <= 0
                        if last and (full or time.monotonic() > deadline):
                            return last
                        last = event.time
                        self._last = max(self._last, last)
                    room -= len(everything)  # at the most: an id may be known
                    for name in (event.collection, event.renamed_to) if event.collection else followed:
                        for said in followed.get(name, ()):
                            said.take(event)
        except OperationFailure as error:
            if error.code not in LOST:
                raise
            names = ", ".join(said.name for said in everything)
            raise SyncError(
                f"{database}: the oplog no longer reaches back to where {names} ended. {RELOAD}"
            ) from error
        return bound

    @property
    def _ids(self) -> int:
        return sum(len(said.ids) for said in self._said.values())

    def _refuse_future(self, bound: int) -> None:
        for table, start in self._starts.items():
            if start.time > bound:
                raise SyncError(
                    f"{table.qualified}: its position lies ahead of the log of {table.database}: the server"
                    f" is another one, or was set back. {RELOAD}"
                )

    def _refuse_foreign(self) -> None:
        for table in self._strangers():
            raise SyncError(
                f"{table.qualified}: {namespace(table)} is not the collection that the position speaks of,"
                f" and the log tells of no change: the server is another one, or was restored. {RELOAD}"
            )

    def _strangers(self) -> list[Table]:
        """The tables whose collection is another one than at their positions, for no reason in the log."""
        return [
            table
            for table, start in self._starts.items()
            if self._said[table].reload is None
            and (known := start.collections.get(namespace(table)))
            and self._present.get(namespace(table), known) != known
        ]

    def _position(self, reached: int) -> StreamPosition:
        # What the log has not told yet must show when it does.
        unsaid = {
            namespace(table): self._starts[table].collections[namespace(table)] for table in self._strangers()
        }
        return StreamPosition(reached, collection_ids(self._client, self._starts) | unsaid)
