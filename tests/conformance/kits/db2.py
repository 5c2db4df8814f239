"""Db2, or Derby in its place."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psutil

from stack.cluster import Cluster
from stack.derby import Db2StandIn, Derby
from stack.packages import Toolbox
from sync.warehouses.contract import Warehouse
from sync.warehouses.db2.derby import db2_dialect
from sync.warehouses.dbapi.warehouse import DbApiWarehouse
from tests.conformance.kits.base import LEASE_SECONDS, SCHEMAS, Kit

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
