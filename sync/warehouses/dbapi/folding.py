"""Systems that keep names without quotes in capitals, which everybody may then write as they like."""

from __future__ import annotations

import re
from typing import Any

from sync.errors import SyncError
from sync.warehouses.dbapi.dialect import Dialect

PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


class FoldingDialect(Dialect):
    """A plain name in small letters is kept in capitals there; any other one is kept as it is."""

    def quote(self, name: str) -> str:
        """Raises `SyncError` for a name in capitals, which could not be told from one in small letters."""
        if name != (small := unfolded(name)):
            raise SyncError(
                f"{name}: names in small letters are kept in capitals on {self.types.system}, which could not"
                f" tell this one from {small}; rename it in its model"
            )
        return super().quote(folded(name))

    def exists(self, connection: Any, table: str) -> tuple[str, ...] | None:
        found = super().exists(connection, table)
        return None if found is None else tuple(map(unfolded, found))


def folded(name: str) -> str:
    """A name of the platform's as the system keeps it."""
    return name.upper() if PLAIN.fullmatch(name) else name


def unfolded(name: str) -> str:
    """A name of the system's as the platform writes it."""
    return name.lower() if name == name.upper() and PLAIN.fullmatch(name.lower()) else name
