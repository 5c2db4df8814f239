"""Tombstones and dead rows of a real staging."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from softcart_assets.upkeep.bloat import remove_tombstones, sizes, vacuum_bloated
from sync.connections.postgresql import connect_to_write
from sync.spec import Table
from tests.integration.sync_support import query

ORDERS, CUSTOMERS = (
    Table("orders", "mysql", "shop", key=("id",)),
    Table("customers", "mysql", "shop", key=("id",)),
)
NOW = datetime.now(UTC)


def make(staging: str) -> None:
    query(staging, "CREATE SCHEMA IF NOT EXISTS raw")
    for name in ("orders", "customers"):
        query(staging, f"CREATE TABLE raw.{name} (id int, _deleted boolean, _changed_at timestamptz)")
        for number, (deleted, days) in enumerate(((True, 200), (True, 100), (True, 1), (False, 200))):
            query(
                staging,
                f"INSERT INTO raw.{name} VALUES ({number}, {deleted}, now() - interval '{days} days')",
            )


def test_tombstones_go_that_are_old_and_that_everybody_has_read(staging: str) -> None:
    make(staging)
    read_at = {ORDERS: NOW, CUSTOMERS: NOW - timedelta(days=150)}
    with closing(connect_to_write(staging)) as connection:
        assert remove_tombstones(connection, [ORDERS, CUSTOMERS], read_at) == {
            "raw.orders": 2,
            "raw.customers": 1,
        }
    assert query(staging, "SELECT id FROM raw.orders ORDER BY id") == [(2,), (3,)]
    assert query(staging, "SELECT id FROM raw.customers ORDER BY id") == [(1,), (2,), (3,)]


def test_tombstones_stay_that_somebody_may_not_have_read(staging: str) -> None:
    make(staging)
    with closing(connect_to_write(staging)) as connection:
        assert remove_tombstones(connection, [ORDERS], {ORDERS: None}) == {}


def test_a_table_that_is_mostly_dead_is_vacuumed(staging: str) -> None:
    query(staging, "CREATE SCHEMA IF NOT EXISTS raw")
    query(staging, "CREATE TABLE raw.orders (id int) WITH (autovacuum_enabled = false)")
    query(staging, "INSERT INTO raw.orders SELECT generate_series(1, 10000)")
    query(staging, "DELETE FROM raw.orders WHERE id > 2000")
    query(staging, "SELECT pg_stat_force_next_flush()")
    query(staging, "ANALYZE raw.orders")
    with closing(connect_to_write(staging)) as connection:
        assert [table.dead for table in sizes(connection)] == [8000]
        assert vacuum_bloated(connection) == ["raw.orders"]
        assert vacuum_bloated(connection) == []
