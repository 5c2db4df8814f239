"""MySQL's and MariaDB's log as a source of changes: the keys that it names."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sync.connections.urls import DatabaseUrl
from sync.sources.base import Changes, Touched
from sync.sources.mysql.binlog.changes import read_changes
from sync.sources.mysql.binlog.position import BinlogPosition, earliest
from sync.spec import Table


def touched_since(
    url: DatabaseUrl, starts: Mapping[Table, str], bound: str, limit: int, seconds: float = math.inf
) -> Changes:
    """What the log says between the tables' positions and a bound; see `LogSnapshot.changes`.

    The log is read once, from the least advanced position: a key that a table has seen already is only read
    again.
    """
    positions = {table: BinlogPosition.parse(start) for table, start in starts.items()}
    first = earliest(positions.values())
    changes = read_changes(url, list(starts), first, BinlogPosition.parse(bound), limit, seconds)
    reasons: dict[Table, str] = {}
    for statement in changes.statements:
        reasons.setdefault(statement.table, f"it was {statement.kind} by {statement.text!r}")
    return Changes(
        {table: Touched(keys, len(keys), reasons.get(table)) for table, keys in changes.keys.items()},
        str(changes.position),
        changes.complete,
        changes.committed_at,
    )
