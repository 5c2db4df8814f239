"""What the tests of the sync engine share: a source, a target, and rows read back from it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pymysql

from sync.connections.postgresql import connect_postgresql
from sync.engine import run_pass
from sync.passes import Options, PassResult
from sync.sources.base import Source
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget

# How a table of a database is followed; the other strategies read files.
TABLE_STRATEGIES = (Strategy.FULL, Strategy.WATERMARK, Strategy.LOG)


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """The rows of a statement, none for one that returns none."""
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def execute(connection: pymysql.Connection[Any], *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in MySQL; the last one's rows."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@dataclass
class Pipeline:
    """One source and one target database."""

    source: Source
    target_url: str = field(repr=False)

    def run(self, table: Table, run_id: str = "test", **options: Any) -> PassResult:
        """A pass whose own reconciliation has to be content; `options` are those of `Options`."""
        result = run_pass(table, self.source, PostgreSQLTarget(self.target_url), run_id, Options(**options))
        assert result.differences == ()
        return result

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.target_url, statement)

    def rejected(self) -> list[tuple[Any, ...]]:
        return self.query("SELECT table_name, key, reason FROM quarantine.rejected_rows ORDER BY 1, 2")
