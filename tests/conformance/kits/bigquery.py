"""BigQuery, or the emulator in its place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stack.bigquery import BigQuery, BigQueryStandIn
from stack.cluster import Cluster
from stack.go import GoMissing
from sync.warehouses.bigquery.emulator import EmulatorDialect
from sync.warehouses.bigquery.layout import VARIABLE, load_layouts
from sync.warehouses.bigquery.warehouse import open_bigquery
from sync.warehouses.contract import Hashing, Warehouse
from sync.warehouses.schema import Row, TableName
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit, compact

os.environ.setdefault(VARIABLE, str(Path(__file__).parents[1] / "bigquery_layout.json"))

TABLES = re.compile(r'"(\w+)"\."(\w+)"')
CUT_OFF = (
    "test_a_connection_that_is_lost_at_any_step_is_worth_another_try",
    "test_a_pass_that_is_killed_at_any_step_changes_all_or_nothing",
    "test_an_answer_that_never_comes_at_any_step_leads_to_nothing_twice",
    "test_two_passes_at_once_do_not_interleave",
)


class HashingDialect(EmulatorDialect):
    capabilities = replace(EmulatorDialect.capabilities, hashing=Hashing.MD5)


class BigQueryKit(Kit):
    """The emulator, or the project that SOFTCART_TEST_BIGQUERY_URL names, whose datasets of the URL's prefix
    are thrown away."""

    quick: ClassVar[Collection[str] | None] = ()
    restart: ClassVar[Callable[[], None]]
    unfit: ClassVar[Mapping[str, str]] = {"valid_from": "'infinity'", "born": "'0044-03-15 BC'"}

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        if real := os.environ.get("SOFTCART_TEST_BIGQUERY_URL"):
            yield real
            return
        emulator = BigQuery(stack.home)

        def restart() -> None:
            with stack.home.locked():
                emulator.stop()
                emulator.start(stack.ports, lambda line: None)

        try:
            restart()
        except GoMissing as error:
            pytest.skip(f"BigQuery's emulator cannot be built here: {error}")
        cls.restart = staticmethod(restart)
        yield BigQueryStandIn().url(stack.home, stack.ports.known())

    @property
    def unverified(self) -> Mapping[str, str]:
        if not open_bigquery(self.url).capabilities.unverified:
            return {}
        reason = "a script that is cut off leaves what it did, for the emulator does not roll back"
        return dict.fromkeys(CUT_OFF, reason)

    def open(self) -> Warehouse:
        warehouse = open_bigquery(self.url, 8 * LEASE_SECONDS)
        if warehouse.capabilities.unverified:
            # The emulator's rows are compared by value, which is quicker there; here by their hashes too.
            warehouse._dialect = HashingDialect(self.url, load_layouts())
        return warehouse

    def clear(self) -> None:
        """The emulator keeps nothing, and grows by what it drops: it is started again."""
        dialect = open_bigquery(self.url)._dialect
        if dialect.capabilities.unverified:
            self.restart()
            return
        with closing(dialect.connect()) as connection:
            for schema in (*SCHEMAS.split(", "), "work"):
                name = connection.settings.dataset(schema)
                connection.client.delete_dataset(name, delete_contents=True, not_found_ok=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        dialect = open_bigquery(self.url)._dialect
        if statement.startswith("CREATE SCHEMA "):
            statement = dialect.create_schema(statement.split()[2]) or ""
        said = TABLES.sub(lambda name: dialect.table(TableName(name[1], name[2])), statement)
        said = re.sub(r'"(\w+)"', r"`\1`", said)
        if said.startswith(("UPDATE", "DELETE")) and " WHERE " not in said:
            said += " WHERE TRUE"
        with closing(dialect.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(said)
            connection.commit()
            return cursor.fetchall()

    def normalized(self, rows: Collection[Row]) -> set[Row]:
        """A document has no blanks between its parts, and its own order of them."""
        return {tuple(compact(text) for text in row) for row in rows}

    def cut(self) -> None:
        """Its connections end with each answer: the wire alone cuts."""
