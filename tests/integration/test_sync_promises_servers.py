"""A source or a target that is killed under a pass: it ends as transient, and run again it ends equal.

The servers are this module's own, in ``$SOFTCART_HOME/mortal-<worker>``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from pymongo import MongoClient

from stack.cluster import Cluster
from stack.home import Home
from stack.mariadb import MariaDB
from stack.postgres import PostgreSQL
from stack.server import Server
from sync.connections.mysql import connect_mysql
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Strategy, Table
from sync.systems import open_source
from tests.conftest import empty_shop
from tests.fresh import drop_spare_databases, fresh_database
from tests.integration.killing import TRANSIENT, Victim, through
from tests.integration.numbers import (
    MongoDBNumbers,
    MySQLNumbers,
    Numbers,
    assert_consistent,
    assert_equal_after_a_pass,
    following,
)
from tests.integration.postgresql_support import Databases
from tests.integration.sync_support import TABLE_STRATEGIES, Pipeline, query
from tests.integration.wire import Wire
from tests.processes import answers

ROWS, MANY_ROWS = 3000, 170_000


@pytest.fixture(scope="module")
def mortal(worker_id: str) -> Iterator[Cluster]:
    cluster = Cluster(Home.from_environment().inner(f"mortal-{worker_id}"), {})
    cluster.up(lambda line: None)
    yield cluster
    drop_spare_databases(cluster)
    cluster.down(lambda line: None)


@pytest.fixture
def target(mortal: Cluster) -> Iterator[str]:
    with fresh_database(mortal, mortal.urls()["SOFTCART_STAGING_URL"]) as url:
        yield url


def kill(server: Server) -> None:
    """SIGKILL to the server's process and to those that it started, as a power cut would end them."""
    process = server.process()
    assert process is not None
    processes = [process, *process.children(recursive=True)]
    answers(processes, psutil.Process.kill)
    psutil.wait_procs(processes)


@contextmanager
def opened(cluster: Cluster, kind: str) -> Iterator[Numbers]:
    urls = cluster.urls()
    if kind == "mysql":
        with connect_mysql(urls["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True) as connection:
            yield MySQLNumbers(connection)
    else:
        with MongoClient[dict[str, Any]](urls["SOFTCART_MONGO_ADMIN_URL"]) as client:
            yield MongoDBNumbers(client.get_default_database())


@dataclass
class Scene:
    """A source with numbers in it, and passes to a target, all of it in mortal servers."""

    cluster: Cluster
    kind: str
    target: str
    choose: random.Random

    @property
    def source(self) -> str:
        return self.cluster.urls()["SOFTCART_MYSQL_URL" if self.kind == "mysql" else "SOFTCART_MONGO_URL"]

    def change(self, step: int) -> None:
        with opened(self.cluster, self.kind) as numbers:
            numbers.change(step)

    def kill_under_a_pass(self, table: Table, server: Server, step: int) -> None:
        """Count the bytes that a pass gets from a server, and kill it at one of them under the next."""
        with self._counted(table, server, step) as (wire, victim, strike):
            wire.at_byte(self.choose.randrange(1, wire.received), strike)
            # It may have got all that it needs by then, or a little less than the one before.
            assert victim.run() in {0, TRANSIENT}

    def kill_at_the_commit(self, table: Table, step: int, answered: bool) -> None:
        """Kill the target when a pass asks to commit its rows, or when the target has done so."""
        server, newest = PostgreSQL(self.cluster.home), "SELECT max(_batch) FROM raw.numbers"
        with self._counted(table, server, step) as (wire, victim, strike):
            before = query(self.target, newest)
            wire.at_commit(wire.commits, answered, strike)
            assert victim.run() == TRANSIENT
        assert (query(self.target, newest) > before) is answered

    @contextmanager
    def _counted(
        self, table: Table, server: Server, step: int
    ) -> Iterator[tuple[Wire, Victim, Callable[[], bool]]]:
        """A wire that has counted a pass, and a change for the next; the server is started anew then."""
        killed_url = self.target if server.name == "postgres" else self.source

        def strike() -> bool:
            kill(server)
            return False

        with Wire(urlsplit(killed_url).port or 0) as wire:
            by_wire = [through(url, wire) if url == killed_url else url for url in (self.source, self.target)]
            victim = Victim(table, *by_wire)
            assert victim.run() == 0
            self.change(step)
            yield wire, victim, strike
        if server.process():
            kill(server)
        server.start(self.cluster.ports, lambda line: None)

    def assert_equal_after_a_pass(self, table: Table) -> None:
        with closing(open_source(self.source)) as source, opened(self.cluster, self.kind) as numbers:
            assert_consistent(Pipeline(source, self.target), table)
            assert_equal_after_a_pass(Pipeline(source, self.target), table, numbers)


@pytest.mark.parametrize("kind", ["mysql", "mongodb"])
def test_a_server_that_is_killed_under_a_pass_costs_nothing_but_another_one(
    kind: str, mortal: Cluster, target: str
) -> None:
    if kind == "mysql":
        empty_shop(MariaDB(mortal.home), mortal.ports.known()["mysql"])
    with opened(mortal, kind) as numbers:
        if isinstance(numbers, MongoDBNumbers):
            numbers.catalog.drop_collection("numbers")
        numbers.fill(ROWS)
    scene = Scene(mortal, kind, target, random.Random(kind))
    targets = [PostgreSQL(mortal.home)] if kind == "mysql" else []
    source = next(server for server in mortal.servers if server.name == kind)
    for step, (strategy, server) in enumerate(product(TABLE_STRATEGIES, [source, *targets]), 1):
        table = following(numbers, strategy)
        scene.kill_under_a_pass(table, server, step)
        scene.assert_equal_after_a_pass(table)


@pytest.mark.parametrize("strategy", TABLE_STRATEGIES)
def test_a_target_that_is_killed_at_the_commit_has_all_of_a_pass_or_nothing(
    strategy: Strategy, mortal: Cluster, target: str
) -> None:
    empty_shop(MariaDB(mortal.home), mortal.ports.known()["mysql"])
    with opened(mortal, "mysql") as numbers:
        numbers.fill(ROWS)
        table = following(numbers, strategy)
    scene = Scene(mortal, "mysql", target, random.Random(1))
    scene.assert_equal_after_a_pass(table)  # a first load has other commits
    for step, answered in enumerate((False, True), 1):
        scene.kill_at_the_commit(table, step, answered)
        scene.assert_equal_after_a_pass(table)


def test_a_first_load_whose_servers_are_killed_is_not_begun_again(mortal: Cluster, target: str) -> None:
    """Kill the source halfway through a table of four portions, then the target after the third."""
    empty_shop(MariaDB(mortal.home), mortal.ports.known()["mysql"])
    with opened(mortal, "mysql") as numbers:
        numbers.fill(MANY_ROWS)
        table = following(numbers, Strategy.LOG)
    scene = Scene(mortal, "mysql", target, random.Random(1))
    rows, reached = "SELECT rows FROM sync.checkpoints", []
    for step, (server, url, byte) in enumerate(
        ((MariaDB(mortal.home), scene.source, 5_000_000), (PostgreSQL(mortal.home), target, 5_200)), 1
    ):
        with Wire(urlsplit(url).port or 0) as wire:

            def strike(server: Server = server) -> bool:
                # The source reads ahead of the commits: nothing is kept of a load before its first one, which
                # may need a little more of what is sent.
                time.sleep(1)
                if not query(target, rows):
                    wire.at_byte(250_000, strike)
                    return True
                kill(server)
                return False

            wire.at_byte(byte, strike)
            victim = Victim(
                table, *(through(each, wire) if each == url else each for each in (scene.source, target))
            )
            assert victim.run() == TRANSIENT
        server.start(mortal.ports, lambda line: None)
        reached += query(target, rows)
        scene.change(step)
    assert 0 < reached[0][0] <= reached[1][0]
    scene.assert_equal_after_a_pass(table)
    ((read,),) = query(target, "SELECT read FROM sync.tables")
    assert read < MANY_ROWS


ORDERS = Table(
    "orders", "postgresql", "public", ("id",), strategy=Strategy.WATERMARK, cursor="at", overlap_seconds=0
)


def test_a_prepared_transaction_which_outlives_its_server_is_not_missed(mortal: Cluster, target: str) -> None:
    server = PostgreSQL(mortal.home)
    with closing(server.connect(mortal.ports.known()["postgres"])) as root, root.cursor() as cursor:
        cursor.execute("GRANT pg_read_all_stats TO softcart")
        cursor.execute("ALTER SYSTEM SET max_prepared_transactions = 2")
    server.stop()
    server.start(mortal.ports, lambda line: None)
    with (
        fresh_database(mortal, mortal.urls()["SOFTCART_STAGING_URL"]) as url,
        closing(PostgreSQLSource(url)) as source,
    ):
        orders = Databases(source, target, url)
        orders.execute(
            "CREATE TABLE orders (id integer PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())",
            "INSERT INTO orders VALUES (1)",
        )
        orders.run(ORDERS)
        orders.execute("BEGIN", "INSERT INTO orders VALUES (2)", "PREPARE TRANSACTION 'late'")
        orders.execute("INSERT INTO orders VALUES (3)")
        assert orders.run(ORDERS).rows == 2
        kill(server)
        server.start(mortal.ports, lambda line: None)
        source.close()
        orders.execute("INSERT INTO orders VALUES (4)")
        assert orders.run(ORDERS).rows == 3
        orders.execute("COMMIT PREPARED 'late'")
        assert orders.run(ORDERS).rows == 4
