"""Redshift, or PostgreSQL behind a proxy in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, ClassVar

from stack.cluster import Cluster
from sync.warehouses.contract import Warehouse
from sync.warehouses.redshift.dialect import RedshiftDialect
from sync.warehouses.redshift.warehouse import open_redshift
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit
from tests.conformance.redshift import served_redshift


class RedshiftKit(Kit):
    """PostgreSQL behind the stand-in's proxy, or the cluster that SOFTCART_TEST_REDSHIFT_URL names, whose
    database the tests empty; SOFTCART_STAGE and the role are the environment's then."""

    quick: ClassVar[Collection[str] | None] = {"test_rows", "test_redshift"}
    unfit: ClassVar[Mapping[str, str]] = {
        "valid_from": "'infinity'",
        "born": "'0044-03-15 BC'",
    }

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        with served_redshift(stack, urls) as url:
            yield url

    def open(self) -> Warehouse:
        return open_redshift(self.url, LEASE_SECONDS)

    def clear(self) -> None:
        for schema in SCHEMAS.split(", "):
            self.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(RedshiftDialect(self.url).connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
            connection.commit()
            return rows

    def cut(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def refuses(self, type_: str) -> bool:
        return type_ == "bytea"
