"""Tests of large tables that need not be asked: they passed, and what they read has not changed since.

A test of a small table is asked in every run, and of a large one where tests alone are asked or everything is
built anew; so these find a row that somebody changed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from softcart_assets.dbt.audit import BOUND
from softcart_assets.dbt.graph import Model, Test
from softcart_assets.dbt.state import quoted
from sync.connections.psycopg import Connection

LARGE = 250_000  # rows, as in sync.audited_batch: a shop of the default size has less
OWN = "sync"  # whose tables tell of others, which a test reads as well
UNTOLD = (1 << 63) - 1  # what sync.newest_batch says of a table whose changes leave no trace
BY_THE_CLOCK = re.compile(
    r"\b(now|timeofday|random)\s*\(|\b(current_|local)(date|time|timestamp)\b"
    r"|\b(clock|statement|transaction)_timestamp\b",
    re.IGNORECASE,
)
NOTED = """
    SELECT test, batches FROM sync.tests
    WHERE version = %s AND identity = (SELECT id FROM sync.identity)
"""
TABLES = """
    SELECT name, sync.newest_batch(oid::regclass), reltuples
    FROM unnest(%s::text[]) AS name JOIN pg_class ON oid = to_regclass(name)
"""
FORGET = "DELETE FROM sync.tests WHERE test = ANY (%s)"
STORE = """
    INSERT INTO sync.tests (test, version, batches, identity)
    SELECT %s, %s, %s::bigint[], id FROM sync.identity
    ON CONFLICT (test) DO UPDATE SET
        version = excluded.version, identity = excluded.identity, batches = excluded.batches
"""


class RestingTests:
    """Which of some tests rest. `reads` has the tables of each by its unique_id, and `version` is the
    project's."""

    def __init__(self, connection: Connection, version: str, reads: Mapping[str, Sequence[str]]) -> None:
        self._connection = connection
        self._version = version
        self._reads = reads
        self._tables = self._asked_tables()
        with connection.cursor() as cursor:
            cursor.execute(NOTED, (version,))
            self._noted = {test: tuple(batches) for test, batches in cursor}

    def rests(self, test: Test, due: Iterable[Model]) -> bool:
        """Whether it need not be asked by a run that is about to build the models `due`, as the tables were
        when this began."""
        read, batches = self._reads.get(test.unique_id, ()), self._batches(test, self._tables)
        if not batches or self._noted.get(test.unique_id) != batches:
            return False
        is_large = any(self._tables[name][1] > LARGE for name in read)
        return is_large and not {quoted(model.schema, model.name) for model in due} & {*read}

    def awake(self, tests: Iterable[Test]) -> list[Test]:
        """Those of `tests` that rested, and of which a table has changed meanwhile."""
        rested = list(tests)
        now = self._asked_tables() if rested else {}
        return [test for test in rested if self._batches(test, now) != self._batches(test, self._tables)]

    def note(self, asked: Mapping[Test, bool]) -> None:
        """Remember which of the tests that were asked passed, over tables that were not older than when this
        began. One that did not is asked by each run until it does."""
        failed = [test.unique_id for test, passed in asked.items() if not passed]
        with self._connection.cursor() as cursor:
            if not self._noted.keys().isdisjoint(failed):
                cursor.execute(FORGET, (failed,))
            for test, passed in asked.items():
                batches = self._batches(test, self._tables)
                if passed and batches and batches != self._noted.get(test.unique_id):
                    cursor.execute(STORE, (test.unique_id, self._version, list(batches)))

    def _batches(self, test: Test, tables: Mapping[str, tuple[int, float]]) -> tuple[int, ...]:
        """The newest batch of each table that it reads; empty where one of them tells none."""
        read = self._reads.get(test.unique_id, ())
        batches = tuple(tables[name][0] for name in read if name in tables)
        return batches if len(batches) == len(read) and UNTOLD not in batches else ()

    def _asked_tables(self) -> dict[str, tuple[int, float]]:
        names = sorted({name for read in self._reads.values() for name in read})
        with self._connection.cursor() as cursor:
            cursor.execute(TABLES, (names,))
            return {name: (batch, rows) for name, batch, rows in cursor}


def tables_of(query: str) -> list[str]:
    """The tables that a test's query reads, quoted as in it; none where that cannot be told, or where the
    query would say another thing at another time."""
    # It takes a moment to import, which a run that asks no new test is spared.
    import sqlglot  # noqa: PLC0415

    if BY_THE_CLOCK.search(query):
        return []
    try:
        tree = sqlglot.parse_one(BOUND.sub("(0)", query), dialect="postgres")
    except sqlglot.errors.SqlglotError:
        return []
    tables = [(table.db, table.name) for table in tree.find_all(sqlglot.exp.Table)]
    return sorted({quoted(*table) for table in tables if table[0] not in ("", OWN)})
