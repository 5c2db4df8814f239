"""Two sources that change at the same time: one run carries what is new in both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
import pymysql
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from pymongo.database import Database

from softcart_assets.sensors import source as source_sensor
from sync.spec import Column, Strategy, Table
from tests.integration.sensor_support import Ticks
from tests.integration.sync_support import query

ORDERS = Table("orders", "mysql", "shop", key=("id",), strategy=Strategy.LOG)
TOYS = Table("toys", "mongodb", "catalog", key=("_id",), columns=(Column("_id", "text"),))
VISITS = Table("visits", "mysql", "shop", key=("id",), strategy=Strategy.WATERMARK, cursor="at")
MYSQL, MONGODB = "mysql_changes", "mongodb_changes"

Shop = pymysql.Connection
Catalog = Database[dict[str, Any]]


def execute(shop: Shop, statement: str) -> None:
    with shop.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(autouse=True)
def no_wait_for_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_sensor, "WAIT_SECONDS", 0.0)


@pytest.fixture
def settled(platform: dict[str, str], shop: Shop, catalog: Catalog) -> Iterator[Ticks]:
    execute(shop, "CREATE TABLE orders (id INT PRIMARY KEY, n INT)")
    execute(shop, "CREATE TABLE visits (id INT PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT NOW(6))")
    catalog["toys"].insert_one({"_id": 1})
    with DagsterInstance.ephemeral() as instance:
        ticks = Ticks(instance, (ORDERS, VISITS, TOYS), "mysql")
        ticks.settle()
        for request in ticks.tick(MONGODB):
            assert ticks.run(request)
        ticks.settle()
        yield ticks


@pytest.fixture
def changed(settled: Ticks, shop: Shop, catalog: Catalog) -> Ticks:
    execute(shop, "INSERT INTO orders VALUES (1, 1)")
    catalog["toys"].insert_one({"_id": 2})
    return settled


def keys(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


BOTH = {"raw/orders", "star/orders", "raw/toys", "star/toys"}


@pytest.mark.parametrize(("first", "second"), [(MYSQL, MONGODB), (MONGODB, MYSQL)])
def test_one_run_carries_what_changed_in_both(
    changed: Ticks, platform: dict[str, str], first: str, second: str
) -> None:
    (request,) = changed.tick(first)
    assert keys(request) - {"raw/visits", "star/visits"} == BOTH
    assert changed.run(request)
    rows = "SELECT id::text FROM raw.orders UNION ALL SELECT _id FROM raw.toys ORDER BY 1"
    assert query(platform["SOFTCART_STAGING_URL"], rows) == [("1",), ("int:1",), ("int:2",)]
    assert not {"raw/orders", "raw/toys"} & {key for new in changed.tick(second) for key in keys(new)}


def test_sensors_that_are_evaluated_in_one_moment_request_one_run(changed: Ticks) -> None:
    for _ in range(3):  # no run comes of what they request here, as when the daemon has yet to submit it
        with ThreadPoolExecutor(2) as pool:
            requests = [request for tick in pool.map(changed.tick, (MYSQL, MONGODB)) for request in tick]
        assert len(requests) <= 1
    assert "in this moment" in str(changed.said)


def test_nothing_is_requested_while_a_run_of_the_other_source_is_in_flight(
    settled: Ticks, shop: Shop, catalog: Catalog
) -> None:
    catalog["toys"].insert_one({"_id": 2})
    (request,) = settled.tick(MONGODB)
    settled.begin(request, DagsterRunStatus.STARTED)
    execute(shop, "INSERT INTO orders VALUES (1, 1)")
    assert settled.tick() == []
    assert "is in flight" in str(settled.said)


def test_a_source_whose_sensor_is_off_is_left_alone(changed: Ticks) -> None:
    fresh = Ticks(changed.instance, (ORDERS, VISITS, TOYS), "mysql")
    fresh.cursor = changed.cursor
    assert fresh.requested() == {"raw/orders", "star/orders"}


def test_a_source_that_went_down_is_left_to_its_own_sensor(
    changed: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTCART_MONGO_URL", "mongodb://127.0.0.1:1/catalog?serverSelectionTimeoutMS=100")
    assert changed.requested() == {"raw/orders", "star/orders"}


def test_a_table_that_failed_is_left_to_its_own_sensor(
    settled: Ticks, shop: Shop, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(shop, "DROP TABLE orders")
    (request,) = settled.tick()
    assert not settled.run(request)
    execute(shop, "CREATE TABLE orders (id INT PRIMARY KEY, n INT)")
    catalog["toys"].insert_one({"_id": 2})
    (request,) = settled.tick(MONGODB)
    assert keys(request) == {"raw/toys", "star/toys"}


def test_a_table_with_a_watermark_is_left_to_its_own_sensor(
    settled: Ticks, shop: Shop, catalog: Catalog
) -> None:
    execute(shop, "INSERT INTO visits (id) VALUES (1)")
    catalog["toys"].insert_one({"_id": 2})
    (request,) = settled.tick(MONGODB)
    assert keys(request) == {"raw/toys", "star/toys"}
