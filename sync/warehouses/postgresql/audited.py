"""Which of staging's models were built later than their tests passed, as `sync.models` tells."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sync.errors import SyncError

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

# As JSON, since a state that a release before kept lacks the column: no build of it is known to have passed.
UNAUDITED = """
    SELECT model FROM (SELECT to_jsonb(m) AS model_state, m.model FROM sync.models m) AS known
    WHERE model = ANY(%s) AND model_state ->> 'audited_batch' IS DISTINCT FROM model_state ->> 'batch'
    ORDER BY model
"""


def unaudited(cursor: Cursor, tables: Collection[str]) -> list[str]:
    """Those of these tables that are models whose last build did not pass its tests, or not yet."""
    cursor.execute("SELECT to_regclass('sync.models') IS NOT NULL")
    if cursor.fetchone() != (True,):
        return []
    cursor.execute(UNAUDITED, [list(tables)])
    return [model for (model,) in cursor.fetchall()]


def refuse_unaudited(cursor: Cursor, tables: Collection[str], instead: str) -> None:
    """Raises `SyncError` where the last build of one of the tables did not pass; `instead` says what its
    readers see meanwhile."""
    if waiting := unaudited(cursor, tables):
        raise SyncError(
            f"{', '.join(waiting)}: the last build failed its checks, or they have not run; {instead}."
            f" Materialize it with its checks once they can pass"
        )
