"""A log of each kind: MariaDB's, MySQL's without GTIDs, which is its default, and MySQL's with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from stack.cluster import Cluster
from stack.mariadb import MariaDB
from sync.connections.mysql import connect_mysql
from tests.integration.binlog.log import Log

GTID_MODES = ("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")  # one step at a time


@pytest.fixture
def mariadb_log(shop: pymysql.Connection[Any], stack: Cluster, urls: dict[str, str]) -> Iterator[Log]:
    with MariaDB(stack.home).connect(stack.ports.known()["mysql"]) as root:
        root.select_db("shop")
        log = Log(root, urls["SOFTCART_MYSQL_URL"], urls["SOFTCART_MYSQL_ADMIN_URL"], exact=True)
        yield log
        log.restore()


@pytest.fixture(scope="session")
def gtid_mode_put_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the server's GTID mode was, put back at the end."""
    url = request.getfixturevalue("mysql_server").admin
    with connect_mysql(url, autocommit=True) as root, root.cursor() as cursor:
        cursor.execute("SELECT @@global.gtid_mode, @@global.enforce_gtid_consistency")
        mode, consistency = cursor.fetchone() or ()
        yield
        set_gtid_mode(root, mode, consistency)


def set_gtid_mode(root: pymysql.Connection[Any], wanted: str, consistency: str) -> None:
    with root.cursor() as cursor:
        cursor.execute("SELECT @@global.gtid_mode")
        (mode,) = cursor.fetchone() or ()
        if wanted == "ON":
            cursor.execute("SET GLOBAL enforce_gtid_consistency = ON")
        while mode != wanted:
            step = 1 if GTID_MODES.index(wanted) > GTID_MODES.index(mode) else -1
            mode = GTID_MODES[GTID_MODES.index(mode) + step]
            cursor.execute(f"SET GLOBAL gtid_mode = {mode}")
        cursor.execute(f"SET GLOBAL enforce_gtid_consistency = {consistency}")


@pytest.fixture
def plain_mysql(request: pytest.FixtureRequest, gtid_mode_put_back: None) -> Iterator[Log]:
    urls = request.getfixturevalue("mysql_server")
    log = Log(request.getfixturevalue("mysql_shop"), urls.reader, urls.admin)
    yield log
    log.restore()


@pytest.fixture
def mysql_log(plain_mysql: Log) -> Log:
    set_gtid_mode(plain_mysql.admin, "OFF", "OFF")
    plain_mysql.has_gtids = False
    return plain_mysql


@pytest.fixture
def mysql_gtid_log(plain_mysql: Log) -> Log:
    set_gtid_mode(plain_mysql.admin, "ON", "ON")
    return plain_mysql


@pytest.fixture(params=["mariadb_log", "mysql_log", "mysql_gtid_log"])
def log(request: pytest.FixtureRequest) -> Log:
    log: Log = request.getfixturevalue(request.param)
    return log


@pytest.fixture(params=["mariadb_log", "mysql_log"])
def server_log(request: pytest.FixtureRequest) -> Log:
    """For what GTIDs have nothing to do with."""
    log: Log = request.getfixturevalue(request.param)
    return log
