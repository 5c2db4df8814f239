"""What the tests of the binlog's reader share: a server whose log is read, and positions in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pymysql

from sync.connections.mysql import connect_mysql
from sync.connections.urls import parse
from sync.sources.mysql.binlog.changes import Changes, read_changes
from sync.sources.mysql.binlog.layout import Key
from sync.sources.mysql.binlog.position import BinlogPosition
from sync.sources.mysql.log_position import open_snapshot
from sync.spec import Table

NO_LIMIT = 1_000_000


@dataclass
class Log:
    """A server's log, written by `admin` and read by the user that can only read."""

    admin: pymysql.Connection[Any]
    url: str
    writer_url: str
    has_gtids: bool = True
    exact: bool = False  # the position of a snapshot is exactly the snapshot's
    settings: dict[str, Any] = field(default_factory=dict)

    def set(self, name: str, value: str | int) -> None:
        """Change a global variable until the test ends, and begin a new session that has it."""
        ((before,),) = self.run(f"SELECT @@global.{name}")
        self.settings.setdefault(name, before)
        self._set(name, value)
        self.admin.close()
        self.admin.connect()
        self.admin.select_db("shop")

    def restore(self) -> None:
        for name, value in self.settings.items():
            self._set(name, value)

    def _set(self, name: str, value: str | int) -> None:
        with self.admin.cursor() as cursor:
            cursor.execute(f"SET GLOBAL {name} = %s", (value,))

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        with self.admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def begin_log_anew(self) -> None:
        """Throw the log away, so that its files and GTIDs are numbered from one again."""
        self.run("RESET MASTER" if self.exact else "RESET BINARY LOGS AND GTIDS")

    def purge(self) -> None:
        """Keep the newest file alone. A server keeps a file that it is sending, and a reader that has hung up
        it notices later."""
        newest = self.position().file
        while self.run("SHOW BINARY LOGS")[0][0] != newest:
            self.run(f"PURGE BINARY LOGS TO '{newest}'")
            time.sleep(0.01)

    @property
    def logs_cascades(self) -> bool:
        return ("innodb_native_foreign_keys", "OFF") in self.run("SHOW VARIABLES LIKE 'innodb_native%'")

    def position(self) -> BinlogPosition:
        connection = connect_mysql(self.url)
        try:
            text = open_snapshot(connection)
        finally:
            connection.close()
        assert text
        return self.quiet(BinlogPosition.parse(text))

    def quiet(self, position: BinlogPosition) -> BinlogPosition:
        """A position when nothing was on its way to the log: no tail has to be read again."""
        return position if self.has_gtids else replace(position, tail=position.offset)

    def read(
        self,
        start: BinlogPosition,
        *tables: Table,
        bound: BinlogPosition | None = None,
        limit: int = NO_LIMIT,
    ) -> Changes:
        return read_changes(parse(self.url), tables, start, bound or self.position(), limit)

    def keys(self, start: BinlogPosition, table: Table) -> set[Key]:
        """The keys that the log names from a position to its end."""
        changes = self.read(start, table)
        assert changes.complete
        keys = list(changes.keys[table])
        assert len(set(keys)) == len(keys) == len(changes.keys[table])
        return set(keys)


def table(name: str, *key: str) -> Table:
    return Table(name, source="mysql", database="shop", key=key or ("id",))
