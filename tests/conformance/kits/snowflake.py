"""Snowflake, or fakesnow in its place."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psutil
import snowflake.connector

from stack.cluster import Cluster
from stack.snowflake import Snowflake, SnowflakeStandIn
from sync.warehouses.contract import Warehouse
from sync.warehouses.schema import Row
from sync.warehouses.snowflake.url import connect_arguments
from sync.warehouses.snowflake.warehouse import open_snowflake
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit, compact


class SnowflakeKit(Kit):
    """fakesnow, or the account that SOFTCART_TEST_SNOWFLAKE_URL names, whose database the tests empty."""

    unfit: ClassVar[Mapping[str, str]] = {"valid_from": "'infinity'"}
    quick: ClassVar[Collection[str] | None] = {
        "test_a_first_pass_loads_every_table",
        "test_changes_reach_production_and_are_counted",
        "test_a_parent_and_its_children_come_and_go_in_one_pass",
    }

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        if real := os.environ.get("SOFTCART_TEST_SNOWFLAKE_URL"):
            yield real
            return
        with stack.home.locked():
            for server in SnowflakeStandIn.servers:
                server(stack.home).start(stack.ports, lambda line: None)
        yield SnowflakeStandIn().url(stack.home, stack.ports.known())

    def open(self) -> Warehouse:
        return open_snowflake(self.url, 3 * LEASE_SECONDS)

    def clear(self) -> None:
        self._execute(*(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE' for schema in SCHEMAS.split(", ")))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return self._execute(statement)

    def _execute(self, *statements: str) -> list[tuple[Any, ...]]:
        arguments = connect_arguments(self.url)
        # The tests write names in small letters, the dialect holds them in capitals.
        arguments["session_parameters"] |= {"QUOTED_IDENTIFIERS_IGNORE_CASE": True}
        with closing(snowflake.connector.connect(**arguments)) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
            connection.commit()
            return rows

    def normalized(self, rows: Collection[Row]) -> set[Row]:
        """A VARIANT has no blanks between its parts, and its own order of them."""
        return {tuple(compact(text) for text in row) for row in rows}

    def cut(self) -> None:
        """End all sessions of the stand-in; on an account the wire alone cuts."""
        port = urlsplit(self.url).port
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if port and f"--port={port}" in line and any(Snowflake.executable in part for part in line):
                process.send_signal(signal.SIGHUP)
