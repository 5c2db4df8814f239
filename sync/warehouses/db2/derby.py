"""Apache Derby in Db2's place, reached by IBM's driver by way of `stack/drda.py`.

It shows the driver's path over a real wire: connection, types, parameters, arrays, transactions, MERGE.
What Db2 has and it has not is left out here and named in `Capabilities.unverified`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sync.connections.urls import parse
from sync.errors import SyncError
from sync.warehouses.changes import Comment, Completion, NotNull, PrimaryKey
from sync.warehouses.contract import Capabilities
from sync.warehouses.db2.connection import SERVER, connect
from sync.warehouses.db2.dialect import Db2Dialect
from sync.warehouses.db2.types import TYPES
from sync.warehouses.dbapi.dialect import Dialect
from sync.warehouses.schema import TableName, TableSchema

# Derby knows no encrypted login, and the driver's chained arrays end it.
SETTINGS = "AUTHENTICATION=SERVER;ArrayInputChain=0;"
UNVERIFIED = (
    "materialized query tables",
    "keys that are not enforced",
    "ORGANIZE BY, RUNSTATS and REORG",
    "comments on tables and columns",
    "grants to roles",
)


# Words that Derby reserves and Db2 does not, where they are no functions; texts and comments pass.
_RESERVED = re.compile(
    r"""'[^']*'|"[^"]*"|--[^\n]*|\b(year|month|day|hour|minute|second|lower|upper)\b(?!\s*\()""",
    re.IGNORECASE,
)
_ROUND = re.compile(r"\bROUND\((.*), 0\)", re.IGNORECASE)
# Derby looks every row of a join up in an index where nobody tells it to hash, which takes a hundred times as
# long: https://db.apache.org/derby/docs/10.14/tuning/ctunoptimzoverride.html
_JOIN = re.compile(r"\b(JOIN \S+ AS \w+)\s+USING\b")


class DerbyDialect(Db2Dialect):
    """Its clock is asked once a connection: Derby adds to a time only by a function that IBM's driver takes
    for one of Db2's."""

    capabilities = Capabilities(enforces_keys=True, unverified=UNVERIFIED)
    enforcement = ""
    types = replace(TYPES, unit="")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._clock: tuple[Any, float] | None = None

    def connect(self) -> Any:
        connection = connect(self._url, SETTINGS)
        cursor = connection.cursor()
        cursor.execute("SELECT CURRENT_TIMESTAMP FROM SYSIBM.SYSDUMMY1")
        ((now,),) = cursor.fetchall()
        cursor.close()
        connection.rollback()
        self._clock = now, time.monotonic()
        return connection

    def seconds_from_now(self, seconds: float) -> str:
        if not seconds or self._clock is None:
            return "CURRENT_TIMESTAMP"
        asked, then = self._clock
        return f"TIMESTAMP('{asked + timedelta(seconds=seconds + time.monotonic() - then)}')"

    def spoken(self, query: str) -> str:
        """Derby has no ROUND, and has to be told how to join."""
        query = _JOIN.sub(r"\1 --DERBY-PROPERTIES joinStrategy=HASH\n USING", query)
        quoted = _RESERVED.sub(lambda word: self.quote(word[1].lower()) if word[1] else word[0], query)
        return _ROUND.sub(r"FLOOR(\1 + 0.5)", quoted)

    def role_exists(self, cursor: Any, role: str) -> bool:
        """It has no roles to make, so that nobody need be told to; `UNVERIFIED` says that it has none."""
        return True

    def complete(self, schema: TableSchema, step: Completion) -> Sequence[str]:
        if isinstance(step, Comment):
            return []
        if isinstance(step, NotNull):
            return [self.set_not_null(self.table(schema.name), step.column)]
        if isinstance(step, PrimaryKey):
            return Dialect.complete(self, schema, step)[-1:]
        return super().complete(schema, step)

    def drop_not_null(self, table: str, column: str) -> Sequence[str]:
        return Dialect.drop_not_null(self, table, column)

    def analyse(self, table: str) -> Sequence[str]:
        return []

    def create_materialized(self, name: str, query: str) -> str:
        return Dialect.create_materialized(self, name, query)

    def refresh_materialized(self, name: str, query: str) -> Sequence[str]:
        return Dialect.refresh_materialized(self, name, query)

    def grant(self, view: TableName, role: str) -> Sequence[str]:
        return []


def db2_dialect(url: str) -> Db2Dialect:
    """Db2's dialect, or Derby's where the URL says `server=derby`. Raises `SyncError` for another server."""
    server = parse(url).options.get(SERVER, "db2").lower()
    if server not in ("db2", "derby"):
        raise SyncError(f"{parse(url)}: {SERVER} is db2 or derby, not {server!r}")
    return DerbyDialect(url) if server == "derby" else Db2Dialect(url)
