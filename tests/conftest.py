"""Real servers for the tests, beside the development ones: each of the processes that share the tests
has its own, in ``$SOFTCART_HOME/test-<worker>``.

``stack`` starts MariaDB, MongoDB and PostgreSQL once a session and stops them at its end; servers that a
killed run left behind are used again. On top of it, clean for each test:

- ``urls``: the mapping of every ``SOFTCART_*_URL``; nothing is put into ``os.environ``.
- ``shop``: MySQL databases ``shop`` and ``sales`` without tables, restore's work databases gone.
  Yields a connection of ``shopkeeper`` to ``shop``, in autocommit mode.
- ``catalog``: MongoDB database ``catalog`` without collections. Yields it, opened by ``shopkeeper``.
- ``staging``, ``production``: a fresh PostgreSQL database each. Yields its URL (owner's login).
- ``platform``: all four, as the mapping ``urls`` with the fresh databases in it, set in ``os.environ``.

``mysql_server`` starts a real MySQL beside MariaDB, once a session, for the tests that ask for it: two URLs,
of an administrator and of a reader. ``mysql_shop`` is what ``shop`` is, on that server.

Reader logins: ``urls["SOFTCART_MYSQL_URL"]``, ``urls["SOFTCART_MONGO_URL"]``; logins that may write:
``urls["SOFTCART_MYSQL_ADMIN_URL"]``, ``urls["SOFTCART_MONGO_ADMIN_URL"]``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from stack.cluster import Cluster
from stack.home import Home, StackError
from stack.mariadb import MariaDB
from stack.mysql import MySQL
from stack.mysql_server import DATABASES, MySQLServer
from stack.packages import Toolbox
from sync.connections.mysql import connect_mysql
from tests.fresh import drop_spare_databases, fresh_database


@pytest.fixture(scope="session")
def stack(worker_id: str) -> Iterator[Cluster]:
    cluster = Cluster(Home.from_environment().inner(f"test-{worker_id}"), {})
    cluster.up(lambda line: None)
    yield cluster
    drop_spare_databases(cluster)
    cluster.down(lambda line: None)


@pytest.fixture(scope="session")
def urls(stack: Cluster) -> dict[str, str]:
    return stack.urls()


@dataclass(frozen=True)
class MySQLUrls:
    """A real MySQL's database ``shop``: for an administrator, and for a reader with the README's rights."""

    admin: str = field(repr=False)
    reader: str = field(repr=False)


@pytest.fixture(scope="session")
def real_mysql(stack: Cluster) -> MySQL:
    """The server that `stack` stops with its own."""
    try:
        Toolbox(stack.home.tools).ensure(*MySQL.packages)
    except StackError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no real MySQL can be had here: {error}")
    server = MySQL(stack.home)
    with stack.home.locked():
        server.start(stack.ports, lambda line: None)
    return server


@pytest.fixture(scope="session")
def mysql_server(real_mysql: MySQL, stack: Cluster) -> MySQLUrls:
    word, port = stack.home.passwords, stack.ports.known()[real_mysql.name]
    admin, reader = (f"mysql://{user}:{word[f'mysql.{user}']}" for user in ("root", "softcart"))
    return MySQLUrls(f"{admin}@127.0.0.1:{port}/shop", f"{reader}@127.0.0.1:{port}/shop")


def empty_shop(server: MySQLServer, port: int) -> None:
    """Make the databases of the shop anew, without restore's work databases."""
    with server.connect(port) as root, root.cursor() as cursor:
        cursor.execute("SHOW DATABASES")
        for (name,) in cursor.fetchall():
            if name in DATABASES or name.startswith("sales_"):
                cursor.execute(f"DROP DATABASE `{name}`")
        for name in DATABASES:
            cursor.execute(f"CREATE DATABASE {name}")


@pytest.fixture
def shop(stack: Cluster, urls: dict[str, str]) -> Iterator[pymysql.Connection[pymysql.cursors.Cursor]]:
    empty_shop(MariaDB(stack.home), stack.ports.known()["mysql"])
    with connect_mysql(urls["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def mysql_shop(
    real_mysql: MySQL, mysql_server: MySQLUrls, stack: Cluster
) -> Iterator[pymysql.Connection[pymysql.cursors.Cursor]]:
    empty_shop(real_mysql, stack.ports.known()[real_mysql.name])
    with connect_mysql(mysql_server.admin, autocommit=True) as connection:
        yield connection


@pytest.fixture
def catalog(stack: Cluster, urls: dict[str, str]) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](urls["SOFTCART_MONGO_ADMIN_URL"]) as client:
        database = client.get_default_database()
        # Only root may drop what the server keeps for views.
        login = {"username": "root", "password": stack.home.passwords["mongodb.root"], "authSource": "admin"}
        with MongoClient[dict[str, Any]]("127.0.0.1", stack.ports.known()["mongodb"], **login) as root:
            root.drop_database(database.name)
        yield database


@pytest.fixture
def staging(stack: Cluster, urls: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url:
        yield url


@pytest.fixture
def production(stack: Cluster, urls: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as url:
        yield url


@pytest.fixture
def platform(
    urls: dict[str, str],
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    catalog: Database[dict[str, Any]],
    staging: str,
    production: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    bi = urlunsplit(urlsplit(urls["SOFTCART_BI_URL"])._replace(path=urlsplit(production).path))
    settings = {
        **urls,
        "SOFTCART_STAGING_URL": staging,
        "SOFTCART_PRODUCTION_URL": production,
        "SOFTCART_BI_URL": bi,
        "SOFTCART_WEBLOG": str(tmp_path / "weblog"),
        "SOFTCART_OBJECTS": str(tmp_path / "objects"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings
