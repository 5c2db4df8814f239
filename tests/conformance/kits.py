"""The warehouses that the suite is run on, each with what a test needs besides the contract."""

from __future__ import annotations

import json
import os
import re
import signal
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psutil
import snowflake.connector

from stack.cluster import Cluster
from stack.derby import Db2StandIn, Derby
from stack.packages import Toolbox
from stack.snowflake import SnowflakeStandIn
from sync.connections.postgresql import connect_postgresql
from sync.systems import open_warehouse
from sync.warehouses.contract import Row, Warehouse
from sync.warehouses.db2.derby import db2_dialect
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from sync.warehouses.mirror import Publication
from sync.warehouses.redshift.dialect import RedshiftDialect
from sync.warehouses.redshift.warehouse import open_redshift
from sync.warehouses.schema import TableName
from sync.warehouses.snowflake.dialect import SnowflakeDialect
from sync.warehouses.snowflake.url import connect_arguments
from sync.warehouses.views import View
from tests.conformance.generic import ByValueDialect, GenericDialect
from tests.conformance.redshift import served_redshift
from tests.fresh import fresh_database

LEASE_SECONDS = 2.0  # a holder that was killed must not keep a test waiting
SCHEMAS = "star, reports, bi, sync, quarantine"


@dataclass
class Kit(ABC):
    """One warehouse, reached by the platform through `open` and by a test through `execute` and `rows`.

    It is handed to other processes, so it holds no connection.
    """

    url: str = field(repr=False)

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        """The URL of an empty warehouse: a new PostgreSQL database where a kit says nothing else."""
        with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as url:
            yield url

    # The modules of the suite that are run each time; None: all of them.
    quick: ClassVar[Collection[str] | None] = None
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

    def spoken(self, statement: str) -> str:
        """A statement of a test, in whose quotes names are in lower case, as the system has them."""
        return statement

    def view(self, view: View) -> View:
        return replace(view, query=self.spoken(view.query))

    def published(self, publication: Publication | None) -> Publication | None:
        """What is to be published, its queries as the system has them."""
        if publication is None:
            return None
        return replace(publication, views=tuple(map(self.view, publication.views)))

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


# By the server that the URL names: statements of the catalog, and how a schema goes.
CATALOGS = {
    "derby": {
        "keys": "SELECT s.SCHEMANAME, t.TABLENAME, c.CONSTRAINTNAME FROM SYS.SYSCONSTRAINTS c"
        " JOIN SYS.SYSTABLES t ON t.TABLEID = c.TABLEID JOIN SYS.SYSSCHEMAS s ON s.SCHEMAID = c.SCHEMAID"
        " WHERE c.TYPE = 'F'",
        "tables": "SELECT s.SCHEMANAME, t.TABLENAME, t.TABLETYPE FROM SYS.SYSTABLES t"
        " JOIN SYS.SYSSCHEMAS s ON s.SCHEMAID = t.SCHEMAID WHERE t.TABLETYPE IN ('T', 'V')",
        "schemas": "SELECT SCHEMANAME FROM SYS.SYSSCHEMAS",
    },
    "db2": {
        "keys": "SELECT TRIM(TABSCHEMA), TABNAME, CONSTNAME FROM SYSCAT.TABCONST WHERE TYPE = 'F'",
        "tables": "SELECT TRIM(TABSCHEMA), TABNAME, TYPE FROM SYSCAT.TABLES WHERE TYPE IN ('T', 'S', 'V')",
        "schemas": "SELECT TRIM(SCHEMANAME) FROM SYSCAT.SCHEMATA",
    },
}


class Db2Kit(Kit):
    """Db2 where SOFTCART_TEST_DB2_URL names one, whose schemas of these names are thrown away; else Derby."""

    quick: ClassVar[Collection[str] | None] = {"test_rows", "test_verify", "test_adopt", "test_db2"}
    unfit: ClassVar[Mapping[str, str]] = {
        "valid_from": "'infinity'",  # what the driver has no value for
    }

    @classmethod
    @contextmanager
    def server(cls, stack: Cluster, urls: Mapping[str, str]) -> Iterator[str]:
        if real := os.environ.get("SOFTCART_TEST_DB2_URL"):
            yield real
            return
        with stack.home.locked():
            Toolbox(stack.home.tools).ensure(*Derby.packages)
            for server in Db2StandIn.servers:
                server(stack.home).start(stack.ports, lambda line: None)
        yield Db2StandIn().url(stack.home, stack.ports.known())

    def open(self) -> Warehouse:
        return DbApiWarehouse(db2_dialect(self.url), 4 * LEASE_SECONDS)

    def spoken(self, statement: str) -> str:
        return re.sub(r'"[a-z_][a-z0-9_]*"', lambda quoted: quoted[0].upper(), statement)

    def quote(self, name: str) -> str:
        return self.spoken(super().quote(name))

    def refuses(self, type_: str) -> bool:
        return False

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(db2_dialect(self.url).connect()) as connection:
            found = self._run(connection, self.spoken(statement))
            connection.commit()
            return found

    def clear(self) -> None:
        """Views, then keys, then tables, then their schemas."""
        catalog = CATALOGS["derby" if "server=derby" in self.url else "db2"]
        ours = {name.strip().upper() for name in SCHEMAS.split(",")}
        with closing(db2_dialect(self.url).connect()) as connection:

            def drop(rows: list[tuple[Any, ...]], statement: str) -> None:
                for schema, *names in rows:
                    if schema in ours:
                        quoted = [super(Db2Kit, self).quote(name) for name in (schema, *names)]
                        self._run(connection, statement.format(*quoted))

            tables = self._run(connection, catalog["tables"])
            drop([row for row in tables if row[2] == "V"], "DROP VIEW {}.{}")
            drop(self._run(connection, catalog["keys"]), "ALTER TABLE {}.{} DROP CONSTRAINT {}")
            drop([row for row in tables if row[2] != "V"], "DROP TABLE {}.{}")
            drop(self._run(connection, catalog["schemas"]), "DROP SCHEMA {} RESTRICT")
            connection.commit()

    def _run(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        cursor = connection.cursor()
        cursor.execute(statement)
        found = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        cursor.close()
        return found

    def cut(self) -> None:
        """The stand-in's shim cuts all connections; a real server forces them off."""
        if "server=derby" not in self.url:
            self.execute("CALL SYSPROC.ADMIN_CMD('FORCE APPLICATION ALL')")
            return
        port = urlsplit(self.url).port
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if "stack.drda" in line and f"--port={port}" in line:
                process.send_signal(signal.SIGHUP)


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


def _compact(text: str | None) -> str | None:
    if text and text.startswith(("{", "[")):
        return json.dumps(json.loads(text), sort_keys=True)
    return text


class SnowflakeKit(Kit):
    """fakesnow, or the account that SOFTCART_TEST_SNOWFLAKE_URL names, whose database the tests empty."""

    unfit: ClassVar[Mapping[str, str]] = {"valid_from": "'infinity'"}
    quick: ClassVar[Collection[str] | None] = {"test_rows"}

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
        return DbApiWarehouse(SnowflakeDialect(self.url), LEASE_SECONDS)

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
        return {tuple(_compact(text) for text in row) for row in rows}

    def cut(self) -> None:
        """Its sessions are no connections: the wire alone cuts."""


# By name: what makes a kit of the URL of its server.
KITS: dict[str, type[Kit]] = {
    "postgresql": PostgreSQLKit,
    "generic": GenericKit,
    "by_value": ByValueKit,
    "db2": Db2Kit,
    "redshift": RedshiftKit,
    "snowflake": SnowflakeKit,
}
