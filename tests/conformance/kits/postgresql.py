"""PostgreSQL, by its own package and by the base for systems behind DB-API."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any, ClassVar

from sync.connections.postgresql import connect_postgresql
from sync.systems import open_warehouse
from sync.warehouses.contract import Warehouse
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from tests.conformance.generic import ByValueDialect, GenericDialect
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit


class PostgreSQLKit(Kit):
    """PostgreSQL by its own package."""

    def open(self) -> Warehouse:
        return open_warehouse(self.url)

    def clear(self) -> None:
        self.execute(f"DROP SCHEMA IF EXISTS {SCHEMAS} CASCADE")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(connect_postgresql(self.url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut(self) -> None:
        self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


class GenericKit(PostgreSQLKit):
    """The same server, by the base for any system behind DB-API."""

    dialect: ClassVar[type[GenericDialect]] = GenericDialect
    unfit: ClassVar[Mapping[str, str]] = {
        "valid_from": "'infinity'",  # what the driver has no value for
        "email": "repeat('é', 150)",  # what the server refuses
    }

    def open(self) -> Warehouse:
        return DbApiWarehouse(self.dialect(self.url), LEASE_SECONDS)

    def refuses(self, type_: str) -> bool:
        return type_ == "uuid"


class ByValueKit(GenericKit):
    dialect = ByValueDialect
