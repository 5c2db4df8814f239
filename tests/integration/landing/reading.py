"""How the tests of landing read rows back."""

from __future__ import annotations

from typing import Any


def rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def quarantine(warehouse: Any) -> list[tuple[Any, ...]]:
    """Table, key, reason and raw text of what is in quarantine, in the order of the keys."""
    return rows(warehouse, "SELECT table_name, key, reason, raw FROM quarantine.rejected_rows ORDER BY key")
