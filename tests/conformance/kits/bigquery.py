"""BigQuery, or the emulator in its place."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import pytest

from stack.bigquery import BigQueryStandIn
from stack.cluster import Cluster
from stack.go import GoMissing
from sync.warehouses.bigquery.layout import VARIABLE
from sync.warehouses.bigquery.warehouse import open_bigquery
from sync.warehouses.contract import Row, Warehouse
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit, compact

os.environ.setdefault(VARIABLE, str(Path(__file__).parents[1] / "bigquery_layout.json"))

CUT_OFF = (
    "test_a_connection_that_is_lost_at_any_step_is_worth_another_try",
    "test_a_pass_that_is_killed_at_any_step_changes_all_or_nothing",
    "test_two_passes_at_once_do_not_interleave",
)


class BigQueryKit(Kit):
    """The emulator, or the project that SOFTCART_TEST_BIGQUERY_URL names, whose datasets of the URL's prefix
    are thrown away."""

    quick: ClassVar[Collection[str] | None] = ()
    unfit: ClassVar[Mapping[str, str]] = {"valid_from": "'infinity'", "born": "'0044-03-15 BC'"}

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        if real := os.environ.get("SOFTCART_TEST_BIGQUERY_URL"):
            yield real
            return
        try:
            with stack.home.locked():
                for server in BigQueryStandIn.servers:
                    server(stack.home).start(stack.ports, lambda line: None)
        except GoMissing as error:
            pytest.skip(f"BigQuery's emulator cannot be built here: {error}")
        yield BigQueryStandIn().url(stack.home, stack.ports.known())

    @property
    def unverified(self) -> Mapping[str, str]:
        if not open_bigquery(self.url).capabilities.unverified:
            return {}
        reason = "a script that is cut off leaves what it did, for the emulator does not roll back"
        return dict.fromkeys(CUT_OFF, reason)

    def open(self) -> Warehouse:
        return open_bigquery(self.url, 8 * LEASE_SECONDS)

    def clear(self) -> None:
        """The emulator takes long to drop anything, so it is given other datasets."""
        dialect = open_bigquery(self.url)._dialect
        if dialect.capabilities.unverified:
            parts = urlsplit(self.url)
            self.url = urlunsplit(parts._replace(path=f"/test_{uuid.uuid4().hex[:12]}"))
            return
        with closing(dialect.connect()) as connection:
            for schema in (*SCHEMAS.split(", "), "work"):
                name = connection.settings.dataset(schema)
                connection.client.delete_dataset(name, delete_contents=True, not_found_ok=True)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        dialect = open_bigquery(self.url)._dialect
        with closing(dialect.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(dialect.spoken(statement))
            connection.commit()
            return cursor.fetchall()

    def normalized(self, rows: Collection[Row]) -> set[Row]:
        """A document has no blanks between its parts, and its own order of them."""
        return {tuple(compact(text) for text in row) for row in rows}

    def cut(self) -> None:
        """Its connections end with each answer: the wire alone cuts."""
