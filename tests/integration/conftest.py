"""Fixtures of the tests on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from stack.cluster import Cluster
from stack.mariadb import MariaDB
from sync.connections.mysql import connect_mysql
from sync.sources.mysql.source import MySQLSource
from sync.sources.postgresql.source import PostgreSQLSource
from tests.fresh import fresh_database
from tests.integration import sales as sales_data
from tests.integration.mysql_server import Server
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import Pipeline, execute


@pytest.fixture
def databases(stack: Cluster, urls: dict[str, str], staging: str) -> Iterator[Databases]:
    """A database beside the staging one, as a source."""
    with (
        fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url,
        closing(PostgreSQLSource(url)) as source,
    ):
        yield Databases(source, staging, url)


@pytest.fixture
def pipeline(shop: pymysql.Connection, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    """From the shop in MySQL to staging."""
    with closing(MySQLSource(urls["SOFTCART_MYSQL_URL"])) as source:
        yield Pipeline(source, staging)


@pytest.fixture
def sales(shop: pymysql.Connection) -> pymysql.Connection:
    """The shop with a few sales."""
    execute(shop, sales_data.CREATE, sales_data.INSERT)
    return shop


@pytest.fixture(params=["MariaDB", "MySQL"])
def server(request: pytest.FixtureRequest, stack: Cluster, staging: str) -> Iterator[Server]:
    """MariaDB, then a real MySQL; `indirect` parametrization takes one of them."""
    mariadb = request.param == "MariaDB"
    if mariadb:
        request.getfixturevalue("shop")
        url = request.getfixturevalue("urls")["SOFTCART_MYSQL_URL"]
        opened = MariaDB(stack.home).connect(stack.ports.known()["mysql"])
    else:
        request.getfixturevalue("mysql_shop")
        servers = request.getfixturevalue("mysql_server")
        url, opened = servers.reader, connect_mysql(servers.admin, autocommit=True)
    with opened as root, closing(MySQLSource(url)) as source:
        root.select_db("shop")
        yield Server(root, url, Pipeline(source, staging), mariadb)
