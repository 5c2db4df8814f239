"""A MariaDB replica as a source: what its binlog lacks is refused, transactions that are open on its primary
are waited for, and lag counts from the primary's time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pymysql
import pytest

from stack.cluster import Cluster
from stack.home import Home
from stack.mariadb import MariaDB
from sync.connections.mysql import connect_mysql
from sync.errors import SyncError
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from tests.conftest import empty_shop
from tests.integration.sync_support import Pipeline, execute

EVENTS = Table(
    "events", "mysql", "shop", ("id",), strategy=Strategy.WATERMARK, cursor="id", overlap_seconds=2
)
LOGGED = replace(EVENTS, name="logged", source_table="events", strategy=Strategy.LOG, cursor=None)
WHOLE = replace(LOGGED, name="whole", strategy=Strategy.FULL)
CREATE = "CREATE TABLE events (id INT PRIMARY KEY AUTO_INCREMENT, at TIMESTAMP(6) DEFAULT NOW(6))"


class Replica(MariaDB):
    """One as it comes: what it applies is not in its own binlog."""

    options: tuple[str, ...] = ()

    def command(self, port: int) -> list[str]:
        kept = [option for option in super().command(port) if not option.startswith("--server-id")]
        return [*kept, "--server-id=2", "--read-only=ON", *self.options]


@dataclass
class Pair(Pipeline):
    """A primary and its replica, which is the source."""

    primary: pymysql.Connection[Any]
    replica: pymysql.Connection[Any]

    def write(self, *statements: str) -> None:
        execute(self.primary, *statements)
        self.catch_up()

    def catch_up(self) -> None:
        ((wanted,),) = execute(self.primary, "SELECT @@global.gtid_binlog_pos")
        ((late,),) = execute(self.replica, f"SELECT MASTER_GTID_WAIT('{wanted}', 30)")
        assert late == 0

    def ids(self, name: str = "events") -> list[int]:
        return [number for (number,) in self.query(f"SELECT id FROM raw.{name} ORDER BY id")]

    def synced_at(self, name: str) -> datetime:
        ((at,),) = self.query(f"SELECT synced_at FROM sync.tables WHERE table_name = '{name}'")
        return at


@pytest.fixture(scope="module")
def own(worker_id: str) -> Cluster:
    return Cluster(Home.from_environment().inner(f"mortal-{worker_id}"), {})


@pytest.fixture(params=[()], ids=["unlogged"])
def pair(
    request: pytest.FixtureRequest, stack: Cluster, own: Cluster, shop: pymysql.Connection[Any], staging: str
) -> Iterator[Pair]:
    own.home.prepare()
    server, port = Replica(own.home), stack.ports.known()["mysql"]
    server.options = request.param
    with own.home.locked():
        server.start(own.ports, lambda line: None)
    try:
        empty_shop(server, own.ports.known()["mysql"])
        with server.connect(own.ports.known()["mysql"]) as root:
            ((position,),) = execute(shop, "SELECT @@global.gtid_binlog_pos")
            password = stack.home.passwords["mysql.softcart"]
            execute(
                root,
                "STOP ALL SLAVES",
                "RESET SLAVE ALL",
                "RESET MASTER",
                f"SET GLOBAL gtid_slave_pos = '{position}'",
                f"CHANGE MASTER TO master_host='127.0.0.1', master_port={port}, master_user='softcart',"
                f" master_password='{password}', master_use_gtid=slave_pos, master_delay=0",
                "START SLAVE",
            )
            with closing(MySQLSource(own.urls()["SOFTCART_MYSQL_URL"])) as source:
                made = Pair(source, staging, shop, root)
                made.write(CREATE, "INSERT INTO events VALUES (1, NOW(6)), (2, NOW(6))")
                yield made
            execute(root, "STOP SLAVE", "RESET SLAVE ALL")
    finally:
        server.stop()


def test_a_replica_whose_log_lacks_what_it_applies_is_refused_under_log(pair: Pair) -> None:
    for change in ("SELECT 1", "STOP SLAVE"):  # of the latter's standing MariaDB tells the reader nothing
        execute(pair.replica, change)
        with pytest.raises(
            SyncError, match=r"is a replica.*log_slave_updates=OFF.*name the primary.*[Rr]eload"
        ):
            pair.run(LOGGED)
    assert pair.run(WHOLE).rows == 2


@pytest.mark.parametrize("pair", [("--log-slave-updates",)], indirect=True, ids=["logged"])
def test_a_replica_that_logs_what_it_applies_is_followed(pair: Pair) -> None:
    pair.run(LOGGED)
    pair.write("INSERT INTO events VALUES (3, NOW(6))", "DELETE FROM events WHERE id = 1")
    assert (pair.run(LOGGED).deleted, pair.ids("logged")) == (1, [1, 2, 3])


def test_a_row_that_was_open_on_the_primary_arrives_by_a_watermark(pair: Pair, urls: dict[str, str]) -> None:
    (note,) = pair.run(EVENTS).notes
    assert "does not show the transactions that are open where its rows come from" in note
    with connect_mysql(urls["SOFTCART_MYSQL_ADMIN_URL"], autocommit=False) as late:
        execute(late, "INSERT INTO events VALUES (3, NOW(6))")
        pair.write("INSERT INTO events VALUES (4, NOW(6))")
        pair.run(EVENTS)
        pair.run(EVENTS)
        late.commit()
    pair.write("INSERT INTO events VALUES (5, NOW(6))")
    pair.run(EVENTS)
    assert pair.ids() == [1, 2, 3, 4, 5]
    time.sleep(2.1)
    pair.run(EVENTS)
    (((read,),)) = pair.query("SELECT read FROM sync.tables WHERE table_name = 'events'")
    time.sleep(2.1)
    assert (read, pair.run(EVENTS).read) == (5, 1)  # with the overlap over the watermark has moved on


def test_lag_counts_from_the_time_of_the_primary(pair: Pair) -> None:
    execute(pair.replica, "LOCK TABLES shop.events READ")
    execute(pair.primary, "INSERT INTO events VALUES (3, NOW(6))")
    time.sleep(3.1)
    ((now,),) = pair.query("SELECT now()")
    pair.run(WHOLE)
    assert timedelta(seconds=2) <= now - pair.synced_at("whole") <= timedelta(seconds=10)
    execute(pair.replica, "UNLOCK TABLES")
    pair.catch_up()
    ((now,),) = pair.query("SELECT now()")
    pair.run(WHOLE)
    assert abs(now - pair.synced_at("whole")) < timedelta(seconds=2)


def test_a_watermark_waits_while_a_replica_stands_still_or_is_delayed(pair: Pair) -> None:
    execute(pair.replica, "STOP SLAVE", "CHANGE MASTER TO master_delay=3600", "START SLAVE")
    execute(pair.primary, "INSERT INTO events VALUES (3, NOW(6))")
    time.sleep(0.5)
    for change in ("SELECT 1", "STOP SLAVE"):
        execute(pair.replica, change)
        (note,) = pair.run(EVENTS).notes
        assert "GRANT SLAVE MONITOR" in note
        assert "the watermark waits" in note
        ((position,),) = pair.query(
            "SELECT position::jsonb -> 'value' FROM sync.tables WHERE strategy = 'watermark'"
        )
        assert position is None
        (note,) = pair.run(WHOLE).notes
        assert "how old its rows are cannot be told" in note
    execute(pair.replica, "CHANGE MASTER TO master_delay=0", "START SLAVE")
    pair.catch_up()
    pair.run(EVENTS)
    assert pair.ids() == [1, 2, 3]
