"""What following MySQL's log takes of the server and the user, and what a pass says where it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest

from stack.cluster import Cluster
from stack.home import Home
from stack.mariadb import MariaDB
from stack.server import Server
from sync.connections.mysql import connect_mysql
from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.conftest import empty_shop
from tests.integration.cli.command import execute
from tests.integration.sync_support import Pipeline

ORDERS = Table("orders", "mysql", "shop", ("id",), strategy=Strategy.LOG)
CREATE = "CREATE TABLE orders (id INT PRIMARY KEY, n INT, at TIMESTAMP(6))"
TIMED = replace(ORDERS, name="timed", source_table="orders", strategy=Strategy.WATERMARK, cursor="at")
WHOLE = replace(ORDERS, name="whole", source_table="orders", strategy=Strategy.FULL)


class Unlogged(MariaDB):
    """The server as it comes, without a binlog."""

    def command(self, port: int) -> list[str]:
        return [*super().command(port), "--skip-log-bin"]


class Filtered(MariaDB):
    """One that keeps databases out of its log, or all but some."""

    option = ""

    def command(self, port: int) -> list[str]:
        return [*super().command(port), self.option]


@pytest.fixture
def own(worker_id: str) -> Cluster:
    """Servers that this test may start and stop."""
    return Cluster(Home.from_environment().inner(f"mortal-{worker_id}"), {})


@contextmanager
def started(server: Server, cluster: Cluster, target: str) -> Iterator[Pipeline]:
    with cluster.home.locked():
        server.start(cluster.ports, lambda line: None)
    try:
        with closing(MySQLSource(cluster.urls()["SOFTCART_MYSQL_URL"])) as source:
            yield Pipeline(source, target)
    finally:
        server.stop()


def test_a_server_without_a_binlog_is_refused_with_the_way_out(own: Cluster, staging: str) -> None:
    logged = MariaDB(own.home)
    with started(logged, own, staging) as shop:
        empty_shop(logged, own.ports.known()["mysql"])
        with connect_mysql(own.urls()["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
            execute(connection, CREATE, "INSERT INTO orders VALUES (1, 1, NOW())")
        shop.run(ORDERS)
    with started(Unlogged(own.home), own, staging) as shop:
        for table in (ORDERS, replace(ORDERS, name="new", source_table="orders")):
            with pytest.raises(SyncError, match=r"writes no binlog.* start it with log_bin .*, GRANT"):
                shop.run(table)
        assert shop.query("SELECT n FROM raw.orders") == [(1,)]
        assert [shop.run(table).rows for table in (TIMED, WHOLE)] == [1, 1]


def test_a_database_that_the_log_leaves_out_is_refused_with_the_way_out(own: Cluster, staging: str) -> None:
    for option, refuses in (
        ("--binlog-ignore-db=shop", True),
        ("--binlog-do-db=sales", True),
        ("--binlog-ignore-db=sales", False),
        ("--binlog-do-db=shop", False),
    ):
        server = Filtered(own.home)
        server.option = option
        with started(server, own, staging) as shop:
            empty_shop(server, own.ports.known()["mysql"])
            with connect_mysql(own.urls()["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
                execute(connection, CREATE, "INSERT INTO orders VALUES (1, 1, NOW())")
            if not refuses:
                assert shop.run(ORDERS, reload=True).rows == 1
                continue
            with pytest.raises(SyncError, match=r"raw\.orders: .* keeps database shop out of its binlog"):
                shop.run(ORDERS)
            assert shop.run(WHOLE).rows == 1


def test_a_view_is_refused_with_the_way_out(shop: pymysql.Connection, pipeline: Pipeline) -> None:
    view = replace(ORDERS, name="seen", source_table="seen")
    execute(
        shop, CREATE, "CREATE VIEW seen AS SELECT * FROM orders", "INSERT INTO orders VALUES (1, 1, NOW())"
    )
    with pytest.raises(
        SyncError, match=r"raw\.seen: shop\.seen is a view.* base tables only.* full or watermark"
    ):
        pipeline.run(view)
    assert pipeline.run(replace(view, strategy=Strategy.FULL)).rows == 1
    assert pipeline.run(ORDERS).rows == 1


def test_a_memory_table_that_its_server_s_restart_emptied_is_read_whole(own: Cluster, staging: str) -> None:
    """The server says so in its log when someone opens the table; that of another one does not matter."""
    server = MariaDB(own.home)
    with started(server, own, staging) as shop:
        empty_shop(server, own.ports.known()["mysql"])
        with connect_mysql(own.urls()["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
            execute(connection, CREATE, "CREATE TABLE brief (id INT PRIMARY KEY) ENGINE = MEMORY")
            execute(connection, "CREATE TABLE other (id INT PRIMARY KEY) ENGINE = MEMORY")
            execute(connection, *(f"INSERT INTO {name} VALUES (1)" for name in ("brief", "other")))
        brief = replace(ORDERS, name="brief")
        assert shop.run(brief, reload=True).rows == 1
        shop.run(ORDERS, reload=True)
    with started(server, own, staging) as shop:
        with connect_mysql(own.urls()["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
            execute(connection, "SELECT * FROM brief", "SELECT * FROM other")
            execute(connection, "INSERT INTO orders VALUES (7, 7, NOW())")
        shop.run(brief)
        assert shop.query("SELECT id, _deleted FROM raw.brief") == [(1, True)]
        assert shop.run(ORDERS).inserted == 1


@pytest.mark.parametrize(
    ("rights", "lacks"),
    [
        ((), "REPLICATION SLAVE"),
        (("REPLICATION CLIENT", "PROCESS"), "REPLICATION SLAVE"),
        (("REPLICATION SLAVE",), ""),
        (("REPLICATION SLAVE", "REPLICATION CLIENT", "PROCESS"), ""),
    ],
    ids=lambda value: ", ".join(value) or "SELECT" if isinstance(value, tuple) else "",
)
def test_a_user_with_fewer_rights_reads_what_they_allow_and_is_told_the_one_that_lacks(
    rights: tuple[str, ...],
    lacks: str,
    shop: pymysql.Connection,
    stack: Cluster,
    urls: dict[str, str],
    staging: str,
) -> None:
    with MariaDB(stack.home).connect(stack.ports.known()["mysql"]) as root:
        execute(root, "CREATE OR REPLACE USER fewer IDENTIFIED BY 'few'", "GRANT SELECT ON shop.* TO fewer")
        execute(root, *(f"GRANT {right} ON *.* TO fewer" for right in rights))
    parts = urlsplit(urls["SOFTCART_MYSQL_URL"])
    url = urlunsplit(parts._replace(netloc=f"fewer:few@127.0.0.1:{parts.port}"))
    execute(shop, CREATE, "INSERT INTO orders VALUES (1, 1, NOW())")
    with closing(MySQLSource(url)) as source:
        orders = Pipeline(source, staging)
        assert orders.run(WHOLE).rows == 1
        assert ("GRANT PROCESS" in "".join(orders.run(TIMED).notes)) == ("PROCESS" not in rights)
        assert orders.run(ORDERS).rows == 1
        execute(shop, "UPDATE orders SET n = 2")
        if lacks:
            with pytest.raises(SyncError, match=f"GRANT {lacks}"):
                orders.run(ORDERS)
        else:
            assert orders.run(ORDERS).updated == 1
