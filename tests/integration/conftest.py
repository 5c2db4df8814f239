"""Fixtures of the tests on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from stack.cluster import Cluster
from sync.sources.mysql import MySQLSource
from sync.sources.postgresql import PostgreSQLSource
from tests.fresh import fresh_database
from tests.integration import sales as sales_data
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
