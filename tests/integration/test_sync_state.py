"""Batches, leases and the engine's own tables, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from psycopg2.extensions import connection as Connection

from sync.connections.postgresql import connect_postgresql
from sync.errors import LeaseLost, LeaseTaken, SyncError
from sync.state import identity, lease, next_batch, prepare


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with closing(connect_postgresql(url)) as connection:
        yield connection


def test_several_callers_may_prepare_at_once_and_again(staging: str) -> None:
    def prepare_once(_: int) -> str:
        with connected(staging) as connection:
            prepare(connection)
            return str(identity(connection))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(prepare_once, range(8)))) == 1
    with connected(staging) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY('{sync,quarantine,raw,history}')"
        )
        assert cursor.rowcount == 4
        cursor.execute("SELECT (SELECT count(*) FROM sync.identity), (SELECT count(*) FROM sync.batch)")
        assert cursor.fetchone() == (1, 1)


def test_state_of_a_newer_release_is_refused(staging: str) -> None:
    with connected(staging) as connection, connection.cursor() as cursor:
        prepare(connection)
        cursor.execute("UPDATE sync.version SET version = 99")
        with pytest.raises(SyncError, match="has version 99, this release knows"):
            prepare(connection)


def test_batch_numbers_become_visible_in_order(staging: str) -> None:
    with connected(staging) as first, connected(staging) as second:
        prepare(first)
        with ThreadPoolExecutor(1) as pool:
            with first, first.cursor() as cursor:
                early = next_batch(cursor)

                def draw() -> int:
                    with second, second.cursor() as other:
                        return next_batch(other)

                late = pool.submit(draw)
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid ="
                    f" {second.info.backend_pid}"
                )
                while True:  # until the second one waits for the first one's row lock
                    cursor.execute(waiting)
                    if cursor.fetchone() == (1,):
                        break
                    assert not late.done()
            assert (early, late.result()) == (1, 2)


def test_a_lease_waits_then_says_who_holds_it(staging: str) -> None:
    with connected(staging) as first, connected(staging) as second:
        prepare(first)
        with lease(first, "raw.sales"):
            with lease(second, "raw.other", 0.1):
                pass
            holder = rf"raw\.sales: .*process {first.info.backend_pid}, softcart"
            with pytest.raises(LeaseTaken, match=holder), lease(second, "raw.sales", 0.1):
                pass
        with lease(second, "raw.sales", 0.1):
            pass


def test_a_lease_that_was_taken_over_cannot_write(staging: str) -> None:
    with connected(staging) as first, connected(staging) as second:
        prepare(first)
        with lease(first, "raw.sales") as old:
            with first.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")  # as if a failover had lost the session
            with lease(second, "raw.sales", 1) as new, second, second.cursor() as cursor:
                new.check(cursor)
            with pytest.raises(LeaseLost), first, first.cursor() as cursor:
                old.check(cursor)
