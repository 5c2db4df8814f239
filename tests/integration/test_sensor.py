"""The sensor tick by tick, on real sources and an instance of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pymysql
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from pymongo.database import Database

from resources.mongodb import MongoDBResource
from resources.mysql import MySQLResource
from softcart_assets.sensors import POSITION_TAG, source_changes


class Ticks:
    """Evaluates the sensor as the daemon does: each tick gets the cursor that the last one left."""

    def __init__(self, instance: DagsterInstance, urls: dict[str, str]) -> None:
        self.instance = instance
        self.resources = {
            "mysql": MySQLResource(url=urls["SOFTCART_MYSQL_URL"]),
            "mongodb": MongoDBResource(url=urls["SOFTCART_MONGO_URL"]),
        }
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources=self.resources
        ) as context:
            data = source_changes.evaluate_tick(context)
        if data.cursor is not None:
            self.cursor = data.cursor
        return list(data.run_requests or [])

    def run(self, request: dg.RunRequest, status: DagsterRunStatus) -> None:
        """Record a run for the request that is, or ended, in `status`."""
        self.instance.create_run_for_job(noop, status=status, tags={POSITION_TAG: request.tags[POSITION_TAG]})


@dg.job(name="sync")
def noop() -> None:
    pass


@pytest.fixture
def ticks(
    platform: dict[str, str],
    shop: pymysql.Connection[pymysql.cursors.Cursor],
    tmp_path: Any,
) -> Iterator[Ticks]:
    with shop.cursor() as cursor:
        cursor.execute("CREATE TABLE sales_data (rowid INT PRIMARY KEY)")
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield Ticks(instance, platform)


def test_a_change_in_either_source_requests_one_sync_and_quiet_sources_none(
    ticks: Ticks, shop: pymysql.Connection[pymysql.cursors.Cursor], catalog: Database[dict[str, Any]]
) -> None:
    (first,) = ticks.tick()
    ticks.run(first, DagsterRunStatus.SUCCESS)
    assert ticks.tick() == []
    with shop.cursor() as cursor:
        cursor.execute("INSERT INTO sales_data VALUES (1)")
    (second,) = ticks.tick()
    ticks.run(second, DagsterRunStatus.SUCCESS)
    assert ticks.tick() == []
    catalog["electronics"].insert_one({"model": "Indigo Air"})
    (third,) = ticks.tick()
    ticks.run(third, DagsterRunStatus.SUCCESS)
    assert ticks.tick() == []


def test_nothing_is_requested_while_a_sync_is_in_flight(
    ticks: Ticks, shop: pymysql.Connection[pymysql.cursors.Cursor]
) -> None:
    (first,) = ticks.tick()
    ticks.run(first, DagsterRunStatus.STARTED)
    with shop.cursor() as cursor:
        cursor.execute("INSERT INTO sales_data VALUES (1)")
    assert ticks.tick() == []


def test_a_change_whose_sync_failed_is_not_forgotten_by_the_next_change(
    ticks: Ticks, shop: pymysql.Connection[pymysql.cursors.Cursor]
) -> None:
    (first,) = ticks.tick()
    ticks.run(first, DagsterRunStatus.FAILURE)
    with shop.cursor() as cursor:
        cursor.execute("INSERT INTO sales_data VALUES (1)")
    assert len(ticks.tick()) == 1


def test_a_source_that_is_down_is_named_and_requests_nothing(ticks: Ticks) -> None:
    ticks.resources["mysql"] = MySQLResource(url="mysql://softcart@127.0.0.1:1/shop")
    with dg.build_sensor_context(instance=ticks.instance, resources=ticks.resources) as context:
        data = source_changes.evaluate_tick(context)
    assert not data.run_requests
    assert "127.0.0.1:1" in str(data.skip_message)
