"""Passes of the mirror that are killed, wait, run beside others or lose their server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from sync.connections.postgresql import connect_postgresql
from sync.errors import TransientError
from sync.warehouses.changes import LoadMode
from tests.integration.mirror.small_star import SmallStar, read

PASS = """
import sys
from sync.connections.postgresql import connect_postgresql
from sync.warehouses.mirror import mirror
from sync.warehouses.postgresql.staging import PostgreSQLStaging
from sync.warehouses.postgresql.warehouse import PostgreSQLWarehouse
from tests.integration.mirror.small_star import TABLES

staging, production = map(connect_postgresql, sys.argv[1:])
mirror(PostgreSQLStaging(staging), PostgreSQLWarehouse(lambda: production), TABLES, "killed")
"""
BLOCKED = """
SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def wait_until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Ask until the condition holds; fails when the process ends before."""
    while not condition():
        assert process.poll() is None, "the pass ended before it was killed"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "row",
    [
        "star.dim_country WHERE country_key = 1",
        "star.fact_sales WHERE sale_key = 's1'",
        "sync.tables WHERE table_name = 'sales_by_country'",
    ],
)
def test_a_pass_killed_on_its_way_leaves_nothing_and_the_next_one_ends_equal(
    star: SmallStar, row: str
) -> None:
    star.mirror()
    before = star.versions()
    star.change(
        """
        UPDATE star.dim_country SET country = country || '!', _batch = {batch};
        UPDATE star.fact_sales SET amount = amount + 1, _batch = {batch};
        INSERT INTO star.fact_sales SELECT 'k' || i, 1, 'c1', i, i, now(), {batch}
            FROM generate_series(1, 100) i;
        UPDATE reports.sales_by_country SET sales = 0, _batch = {batch};
        """
    )
    holder = connect_postgresql(star.urls[1])
    with holder, holder.cursor() as cursor:
        cursor.execute(f"SELECT FROM {row} FOR UPDATE")
        process = subprocess.Popen([sys.executable, "-c", PASS, *star.urls])
        wait_until(lambda: read(star.production, BLOCKED), process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    holder.close()
    assert star.versions() == before
    star.mirror()
    assert star.tables_are_equal()
    assert all(table.mode is LoadMode.NOTHING for table in star.mirror().tables)


def test_a_second_pass_waits_for_the_first(star: SmallStar) -> None:
    star.mirror()
    star.change("UPDATE star.fact_sales SET amount = amount + 1, _batch = {batch}")
    holder = connect_postgresql(star.urls[1])
    with holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM star.fact_sales WHERE sale_key = 's1' FOR UPDATE")
        passes = [subprocess.Popen([sys.executable, "-c", PASS, *star.urls]) for _ in range(2)]
        wait_until(lambda: len(read(star.production, BLOCKED)) == 2, passes[0])
    holder.close()
    assert [process.wait() for process in passes] == [0, 0]
    assert star.tables_are_equal()


def test_a_pass_shows_one_moment_of_staging(star: SmallStar) -> None:
    star.mirror()
    star.change("UPDATE star.dim_country SET country = country || '!', _batch = {batch}")
    holder = connect_postgresql(star.urls[1])
    with holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM star.dim_country WHERE country_key = 1 FOR UPDATE")
        process = subprocess.Popen([sys.executable, "-c", PASS, *star.urls])
        wait_until(lambda: read(star.production, BLOCKED), process)
        star.change(
            """
            INSERT INTO star.dim_country VALUES (5, 5, 'New', {batch});
            INSERT INTO star.fact_sales VALUES ('s101', 5, 'c1', 1, 1, now(), {batch});
            """
        )
    holder.close()
    assert process.wait() == 0
    assert star.rows(
        "SELECT count(*) FROM star.dim_country UNION ALL SELECT count(*) FROM star.fact_sales"
    ) == [
        (4,),
        (100,),
    ]
    assert all(comparison.equal for comparison in star.verify())
    star.mirror()
    assert star.tables_are_equal()


@pytest.mark.parametrize("side", [0, 1])
def test_a_server_that_went_away_is_worth_another_try(star: SmallStar, side: int) -> None:
    star.mirror()
    star.change("UPDATE star.fact_sales SET amount = amount + 1, _batch = {batch}")
    lost = (star.staging, star.production)[side]
    with closing(connect_postgresql(star.urls[side])) as other:
        read(other, f"SELECT pg_terminate_backend({lost.info.backend_pid}, 5000)")
    with pytest.raises(TransientError, match=("staging", "production")[side]):
        star.mirror()
