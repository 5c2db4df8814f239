"""Whether a table was read whole: as many rows have to come as its snapshot has.

What comes of a complete reading is not only what to write, but that all else is gone. Whatever cuts a result
short, a limit of the server or of something before it, must not delete rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync.copytext import Chunk
from sync.errors import SyncError, UnknownTableError
from sync.sources.base import Snapshot
from sync.spec import Column, Table


def read_whole(snapshot: Snapshot, table: Table, columns: Sequence[Column]) -> Iterator[Chunk]:
    """All rows of a table. Raises `SyncError` behind the last one where the snapshot has another number."""
    rows = 0
    for chunk in snapshot.read(table, columns):
        rows += chunk.rows + len(chunk.rejected)
        yield chunk
        del chunk  # it may be long, and the next one is read now
    refuse_incomplete(snapshot, table, rows)


def refuse_incomplete(snapshot: Snapshot, table: Table, rows: int) -> None:
    """Raises `SyncError` where so many rows were read, and the snapshot counts more or less of them."""
    if not snapshot.shows_one_moment(table):
        return
    try:
        count = snapshot.count(table)
    except UnknownTableError:
        if not table.optional:
            raise
        count = 0
    if rows != count:
        raise SyncError(
            f"{table.qualified}: the source sent {rows} rows of {table.database}.{table.source_name} and"
            f" counts {count} at the same moment. Nothing was written, nothing deleted: look for what limits"
            f" or adds to the results of this user, in the server's settings or in a proxy before it"
        )
