"""The servers that the benchmarks run on: the stack's own, in a home of their own, with their clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pymysql
from psycopg2 import sql
from pymongo import MongoClient
from pymongo.database import Database

from stack.cluster import Cluster
from stack.home import Home
from stack.packages import Toolbox
from stack.postgres import PostgreSQL
from sync.connections.mongodb import connect_mongodb
from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql


class Servers:
    """Local MariaDB, MongoDB and PostgreSQL. The target of each contender is a database of its own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.home = cluster.home
        self.urls = cluster.urls()

    def environment(self, database: str) -> dict[str, str]:
        """What a contender's command finds: the URLs, and where the servers' own clients are."""
        source = urlsplit(self.urls["SOFTCART_MYSQL_URL"])
        tools = Toolbox(self.home.tools)
        folders = [str(PostgreSQL.binaries()), str(tools.program("mariadb", "mariadb").parent)]
        return {
            **os.environ,
            "PATH": os.pathsep.join([*folders, os.environ["PATH"]]),
            "SOURCE_URL": self.urls["SOFTCART_MYSQL_URL"],
            "MONGO_URL": self.urls["SOFTCART_MONGO_URL"],
            "TARGET_URL": self.target_url(database),
            "MYSQL_TCP_PORT": str(source.port),
            "MYSQL_PWD": source.password or "",
            "MARIADB_LIBRARIES": tools.environment("mariadb").get("LD_LIBRARY_PATH", ""),
        }

    def target_url(self, database: str) -> str:
        parts = urlsplit(self.urls["SOFTCART_STAGING_URL"])
        return urlunsplit(parts._replace(path=f"/{database}"))

    def fresh_target(self, database: str) -> None:
        """Make a contender's database anew."""
        names = {"name": sql.Identifier(database), "owner": sql.Identifier("softcart")}
        with self._superuser() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names))
            cursor.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))

    def settle(self) -> None:
        """Write out what earlier runs left in PostgreSQL's memory, so that no later one pays for it."""
        with self._superuser() as cursor:
            cursor.execute("CHECKPOINT")

    def query(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in a contender's database, or several without a result."""
        url = self.target_url(database)
        with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def shop(self) -> Iterator[pymysql.cursors.Cursor]:
        """A cursor in MySQL's `shop`, by the login that may write, in autocommit mode."""
        url = self.urls["SOFTCART_MYSQL_ADMIN_URL"]
        with closing(connect_mysql(url, autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'")
            yield cursor

    def log_position(self) -> tuple[str, int]:
        """The file and the offset where MySQL's log stands."""
        with (
            closing(connect_mysql(self.urls["SOFTCART_MYSQL_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SHOW MASTER STATUS")
            file, position, *_ = cursor.fetchone() or ("", 0)
            return str(file), int(position)

    @contextmanager
    def catalog(self) -> Iterator[Database[dict[str, Any]]]:
        """MongoDB's `catalog`, by the login that may write."""
        client: MongoClient[dict[str, Any]] = connect_mongodb(self.urls["SOFTCART_MONGO_ADMIN_URL"])
        with client:
            yield client.get_default_database()

    def versions(self) -> dict[str, str]:
        return {state.title: state.version for state in self._cluster.status()}

    @contextmanager
    def _superuser(self) -> Iterator[Any]:
        port = self._cluster.ports.known()["postgres"]
        with closing(PostgreSQL(self.home).connect(port)) as connection, connection.cursor() as cursor:
            yield cursor


@contextmanager
def running(name: str = "bench") -> Iterator[Servers]:
    """Servers in the home `name` inside SOFTCART_HOME, stopped in the end; their data stays there."""
    cluster = Cluster(Home.from_environment().inner(name), {})
    cluster.up(lambda line: None)
    try:
        yield Servers(cluster)
    finally:
        cluster.down(lambda line: None)
