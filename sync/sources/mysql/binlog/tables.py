"""The tables that are followed: their layouts, the keys touched, and what statements did to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pymysql

from sync.errors import RELOAD, SyncError
from sync.sources.mysql.binlog.columns import read_columns
from sync.sources.mysql.binlog.layout import Layout, UnknownLayout
from sync.sources.mysql.binlog.queries import Query
from sync.sources.mysql.binlog.server import Server
from sync.sources.mysql.binlog.statements import Effect, Kind, effects, reorders
from sync.sources.mysql.binlog.table_map import read_table_map, table_names
from sync.sources.mysql.binlog.touched import KeyGroup, TouchedKeys
from sync.sources.mysql.binlog.xa import XaTransactions, xa_name
from sync.spec import Table

SPILL_KEYS = 250_000  # of one table, about 25 MB: more of them in one transaction go to disk
XA_TAKES_GTIDS = (
    f"Its rows are in the log before it is committed, which without GTIDs cannot be followed. {RELOAD} To"
    f" follow such transactions set gtid_mode = ON"
)
STATEMENT_LENGTH = 500  # characters of a statement that are kept for messages


@dataclass(frozen=True)
class Statement:
    """What became of a followed table, by which statement. `other` is the name that it has or had."""

    table: Table
    kind: Kind
    text: str
    other: str = ""


Followed = tuple[Layout, KeyGroup]  # a table's layout, and the group that its keys are collected in


class FollowedTables:
    """`connect` opens a connection for the catalog. While `repeating` is set, what happens was told of by an
    earlier read, and just its keys are collected once more."""

    def __init__(
        self,
        tables: Sequence[Table],
        server: Server,
        connect: Callable[[], pymysql.Connection[Any]],
        prepared: dict[str, list[str]],
    ) -> None:
        self._server = server
        self._connect = connect
        self._connection: pymysql.Connection[Any] | None = None
        self._tables: dict[tuple[str, str], list[Table]] = {}
        for table in tables:
            self._tables.setdefault(self._name(table.database, table.source_name), []).append(table)
        self._databases = {database for database, _ in self._tables}
        self._described: dict[bytes, list[Followed]] = {}
        self._repeated: dict[bytes, list[Followed]] = {}
        self._unnamed: set[Table] = set()
        self.keys = {table: TouchedKeys(table) for table in tables}
        self.statements: list[Statement] = []
        self.repeating = False
        self.xa = XaTransactions(prepared)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def described(self, body: bytes) -> list[Followed]:
        """Who reads the rows of a TABLE_MAP event, nobody for a table that is not followed."""
        # Each phase describes anew: what was told of a table while repeating has to be told once more.
        descriptions = self._repeated if self.repeating else self._described
        known = descriptions.get(body)
        if known is None:
            known = descriptions[body] = self._describe(body)
        return known

    def count(self) -> int:
        return sum(map(len, self.keys.values()))

    def statement(self, query: Query, alone: bool) -> None:
        """Note what a statement did to followed tables. `alone`: it is in no transaction.

        Raises `SyncError` for one that may have written rows without naming them in the log, wherever it ran.
        """
        found = effects(query, alone)
        if found is None:
            self._refuse(query)
            return
        for effect in found:
            for table in self._affected(effect):
                if self.repeating:  # it waited for all that had written to the table, which is known then
                    self.keys[table].clear()
                self._note(table, effect.kind, query.text, effect.other)
                unnamed = not self._server.names_columns or table in self._unnamed
                if effect.kind is Kind.ALTERED and unnamed and reorders(query):
                    self._note(table, Kind.UNREADABLE, query.text)

    def xa_touched(self, name: str, body: bytes) -> None:
        """An XA transaction changes the table of a TABLE_MAP event, followed or not."""
        database, table, _ = table_names(body)
        self.xa.touch(name, ".".join(self._name(database, table)))

    def xa_prepared(self, name: str) -> None:
        """An XA transaction with rows of followed tables is prepared: their keys are known until this read
        ends. Raises `SyncError` where nothing tells whether a snapshot shows it committed."""
        if self._server.gtids is None and not self.repeating:
            raise SyncError(f"the XA transaction {name} changed followed tables. {XA_TAKES_GTIDS}")

    def xa_ended(self, query: Query, committed: bool) -> None:
        """An XA transaction that was prepared is committed or rolled back. Tables that it changed before this
        read began have to be read whole; raises `SyncError` as above."""
        name = xa_name(query.text)
        touched = self.xa.end(name)
        if not committed or self.repeating:
            return
        for table in self.keys:
            if touched is None or ".".join(self._name(table.database, table.source_name)) in touched:
                if self._server.gtids is None:
                    raise SyncError(
                        f"{query.text!r} ends a transaction that may have changed {table.qualified}."
                        f" {XA_TAKES_GTIDS}"
                    )
                if not self.xa.seen(name):
                    self._note(table, Kind.WRITTEN, query.text)

    def _describe(self, body: bytes) -> list[Followed]:
        database, name, _ = table_names(body)
        followed = self._tables.get(self._name(database, name), [])
        if not followed:
            return []
        event = read_table_map(body)
        if self._connection is None:
            self._connection = self._connect()
        catalog = read_columns(self._connection, database, name)
        readers: list[Followed] = []
        for table in followed:
            try:
                layout = Layout(table, event, catalog)
            except UnknownLayout as error:
                self._note(table, Kind.UNREADABLE, str(error))
                continue
            if not layout.named:
                self._unnamed.add(table)
            readers.append((layout, self.keys[table].group(layout.key_columns)))
        return readers

    def _note(self, table: Table, kind: Kind, text: str, other: str = "") -> None:
        if not self.repeating:
            self.statements.append(Statement(table, kind, text[:STATEMENT_LENGTH], other))

    def _refuse(self, query: Query) -> None:
        if self.repeating:
            return
        raise SyncError(
            f"the binlog holds a statement in place of its rows: {query.text[:STATEMENT_LENGTH]!r} in"
            f" database {query.database!r}, which may have changed tables of"
            f" {', '.join(sorted(self._databases))}, if not by name then by a trigger, view or function. Set"
            f" binlog_format=ROW for every session, then reload the tables of this source"
        )

    def _affected(self, effect: Effect) -> list[Table]:
        if effect.table is not None:
            return self._tables.get(self._name(effect.database, effect.table), [])
        whole = self._name(effect.database, "")[0]
        return [table for (database, _), each in self._tables.items() if database == whole for table in each]

    def _name(self, database: str, table: str) -> tuple[str, str]:
        return (database.lower(), table.lower()) if self._server.fold_names else (database, table)
