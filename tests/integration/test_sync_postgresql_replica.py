"""A standby and a subscriber of PostgreSQL's as sources: what is open where their rows come from is waited
for, and lag counts from the primary's time."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from stack.cluster import Cluster
from stack.home import Home
from stack.postgres import PostgreSQL
from sync.connections.postgresql import connect_postgresql
from sync.errors import SyncError
from sync.sources.postgresql.source import PostgreSQLSource
from sync.spec import Strategy, Table
from tests.fresh import fresh_database
from tests.integration.sync_support import Pipeline, query
from tests.waiting import until

WHOLE = Table("whole", "postgresql", "public", ("id",), source_table="events")
EVENTS = replace(
    WHOLE, name="events", strategy=Strategy.WATERMARK, cursor="id", overlap_seconds=2, source_table=None
)
CREATE = "CREATE TABLE events (id integer PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())"


class Standby(PostgreSQL):
    """One that follows the session's server."""

    def __init__(self, home: Home, primary: Cluster) -> None:
        super().__init__(home)
        self.primary = primary

    def initialise(self) -> None:
        super().initialise()  # for the folder's owner
        for inside in self.data.iterdir():
            shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
        password = self.primary.home.passwords["postgres.postgres"]
        port = self.primary.ports.known()["postgres"]
        primary = f"host=127.0.0.1 port={port} user=postgres password={password}"
        tool = str(self.binaries() / "pg_basebackup")
        copy = [tool, "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "-d", primary]
        subprocess.run([*self._as_ordinary_user(), *copy], cwd="/", check=True)

    def connect(self, port: int, database: str = "postgres") -> Connection:
        return PostgreSQL(self.primary.home).connect(port, database)

    def provision(self, port: int) -> None:
        """It has its primary's databases and roles."""


class Publisher(PostgreSQL):
    def command(self, port: int) -> list[str]:
        return [*super().command(port), "--wal_level=logical"]


@pytest.fixture
def standby(stack: Cluster, worker_id: str) -> Iterator[int]:
    """The port of a standby of the session's server."""
    own = Cluster(Home.from_environment().inner(f"standby-{worker_id}"), {})
    own.home.prepare()
    server = Standby(own.home, stack)
    shutil.rmtree(server.folder, ignore_errors=True)
    with own.home.locked():
        server.start(own.ports, lambda line: None)
    yield own.ports.known()["postgres"]
    server.stop()
    shutil.rmtree(server.folder)


def test_a_standby_waits_for_what_is_open_on_its_primary_and_tells_its_lag(
    stack: Cluster, standby: int, urls: dict[str, str], staging: str
) -> None:
    with fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as primary:
        query(primary, CREATE)
        query(primary, "INSERT INTO events VALUES (1)")
        parts = urlsplit(primary)
        url = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{standby}")))

        def catch_up() -> None:
            ((written,),) = query(primary, "SELECT pg_current_wal_lsn()")
            until(lambda: query(url, f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == [(True,)])

        until(lambda: _exists(url))
        with closing(PostgreSQLSource(url)) as source:
            events = Pipeline(source, staging)
            catch_up()
            assert_waits(events, primary, catch_up, "standby")
            with closing(PostgreSQL(stack.home).connect(standby)) as root, root.cursor() as cursor:
                cursor.execute("SELECT pg_wal_replay_pause()")
                query(primary, "INSERT INTO events VALUES (6)")
                time.sleep(2.1)
                events.run(WHOLE)
                assert lag(events) >= timedelta(seconds=2)
                cursor.execute("SELECT pg_wal_replay_resume()")
            catch_up()
            events.run(WHOLE)
            assert lag(events) < timedelta(seconds=2)


def test_a_subscriber_waits_for_what_is_open_on_its_publisher(worker_id: str, staging: str) -> None:
    own = Cluster(Home.from_environment().inner(f"mortal-{worker_id}"), {})
    own.home.prepare()
    server = Publisher(own.home)
    with own.home.locked():
        server.start(own.ports, lambda line: None)
    try:
        port = own.ports.known()["postgres"]
        with (
            fresh_database(own, own.urls()["SOFTCART_STAGING_URL"]) as publisher,
            fresh_database(own, own.urls()["SOFTCART_STAGING_URL"]) as url,
            closing(server.connect(port, urlsplit(url).path[1:])) as root,
            closing(PostgreSQLSource(url)) as source,
        ):
            query(publisher, CREATE)
            query(url, CREATE)
            query(publisher, "INSERT INTO events VALUES (1)")
            word = own.home.passwords["postgres.postgres"]
            name = urlsplit(publisher).path[1:]
            at = f"host=127.0.0.1 port={port} user=postgres password={word} dbname={name}"
            with closing(server.connect(port, name)) as other, other.cursor() as cursor:
                cursor.execute("CREATE PUBLICATION p FOR TABLE events")
                cursor.execute("SELECT pg_create_logical_replication_slot('softcart_test', 'pgoutput')")
            with root.cursor() as cursor:
                cursor.execute(
                    f"CREATE SUBSCRIPTION s CONNECTION '{at}' PUBLICATION p"
                    " WITH (create_slot = false, slot_name = softcart_test)"
                )

                def catch_up() -> None:
                    last = query(publisher, "SELECT max(id) FROM events")
                    until(lambda: query(url, "SELECT max(id) FROM events") == last)

                catch_up()
                assert_waits(Pipeline(source, staging), publisher, catch_up, "subscriber")
                cursor.execute("ALTER SUBSCRIPTION s DISABLE")
                until(lambda: query(url, "SELECT pid FROM pg_stat_subscription") == [(None,)])
                (note,) = Pipeline(source, staging).run(EVENTS).notes
                assert "stands still" in note
                cursor.execute("DROP SUBSCRIPTION s")
    finally:
        server.stop()


def assert_waits(events: Pipeline, primary: str, catch_up: Callable[[], None], kind: str) -> None:
    (note,) = events.run(EVENTS).notes
    assert f"the source is a {kind}, which does not show the transactions that are open" in note
    late = psycopg2.connect(primary)
    late.cursor().execute("INSERT INTO events VALUES (2)")
    query(primary, "INSERT INTO events VALUES (3)")
    catch_up()
    events.run(EVENTS)
    events.run(EVENTS)
    late.commit()
    late.close()
    query(primary, "INSERT INTO events VALUES (4)")
    catch_up()
    events.run(EVENTS)
    assert events.query("SELECT id FROM raw.events ORDER BY id") == [(1,), (2,), (3,), (4,)]


def lag(events: Pipeline) -> timedelta:
    behind = "SELECT clock_timestamp() - synced_at FROM sync.tables WHERE table_name = 'whole'"
    ((found,),) = events.query(behind)
    assert isinstance(found, timedelta)
    return found


def _exists(url: str) -> bool:
    try:
        with closing(connect_postgresql(url)):
            return True
    except SyncError:  # the database has not arrived yet
        return False
