"""The warehouses that the suite is run on, each with what a test needs besides the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sync.connections import connect_postgresql
from sync.systems import open_warehouse
from sync.warehouses.contract import Row, Warehouse
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from sync.warehouses.schema import TableName
from tests.conformance.generic import ByValueDialect, GenericDialect

LEASE_SECONDS = 2.0  # a holder that was killed must not keep a test waiting
SCHEMAS = "star, reports, bi, sync, quarantine"


@dataclass
class Kit(ABC):
    """One warehouse, reached by the platform through `open` and by a test through `execute` and `rows`.

    It is handed to other processes, so it holds no connection.
    """

    url: str = field(repr=False)

    # SQL values, by column of `star.dim_customer`, that the warehouse cannot hold and staging can.
    unfit: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def open(self) -> Warehouse:
        """The warehouse; its lease is that of a holder who died after two seconds at most."""

    @abstractmethod
    def clear(self) -> None:
        """Make it as empty as a new one."""

    @abstractmethod
    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and commit, past the platform; returns its rows."""

    @abstractmethod
    def cut(self) -> None:
        """Cut every connection to it."""

    def quote(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def table(self, name: TableName) -> str:
        return f"{self.quote(name.schema)}.{self.quote(name.table)}"

    def refuses(self, type_: str) -> bool:
        """Whether the system has no type for this one."""
        return False

    def normalized(self, rows: Collection[Row]) -> set[Row]:
        """Rows in the form in which the system gives them back, where documents say that it is another."""
        return set(rows)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.execute(query)


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


# By name: what makes a kit of the URL of an empty PostgreSQL database.
KITS: dict[str, type[Kit]] = {
    "postgresql": PostgreSQLKit,
    "generic": GenericKit,
    "by_value": ByValueKit,
}
