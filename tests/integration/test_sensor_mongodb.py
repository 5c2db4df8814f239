"""The sensor of MongoDB, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from dagster import DagsterInstance
from pymongo.database import Database

from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Table
from tests.integration.sensor_support import Ticks
from tests.integration.sync_support import query

COLUMNS = (Column("_id", "text"),)
BOOKS = Table("books", "mongodb", "catalog", key=("_id",), columns=COLUMNS, document="document")
TOYS = Table("toys", "mongodb", "catalog", key=("_id",), columns=COLUMNS, document="document")

Catalog = Database[dict[str, Any]]


@pytest.fixture
def settled(platform: dict[str, str], catalog: Catalog) -> Iterator[Ticks]:
    catalog["books"].insert_one({"_id": 1})
    with DagsterInstance.ephemeral() as instance:
        ticks = Ticks(instance, (BOOKS, TOYS), "mongodb")
        ticks.settle()
        yield ticks


def test_just_the_collection_that_changed_is_requested(settled: Ticks, catalog: Catalog) -> None:
    assert settled.requested() == set()
    catalog["toys"].insert_one({"_id": 1})
    (request,) = settled.tick()
    assert {key.to_user_string() for key in request.asset_selection or ()} == {"raw/toys", "star/toys"}
    assert settled.run(request)
    assert settled.requested() == set()
    catalog["toys"].rename("books", dropTarget=True)
    assert settled.requested() == {
        f"{stage}/{name}" for stage in ("raw", "star") for name in ("books", "toys")
    }


def test_changes_of_foreign_collections_move_the_positions_on_and_request_nothing(
    settled: Ticks, catalog: Catalog, platform: dict[str, str]
) -> None:
    before = query(platform["SOFTCART_STAGING_URL"], "SELECT DISTINCT position FROM sync.tables")
    catalog["foreign"].insert_many([{"_id": number} for number in range(10)])
    assert settled.requested() == set()
    after = query(platform["SOFTCART_STAGING_URL"], "SELECT DISTINCT position FROM sync.tables")
    assert after != before
    assert len(after) == 1
    catalog["books"].insert_one({"_id": 2})
    settled.settle()
    assert query(platform["SOFTCART_STAGING_URL"], "SELECT _id FROM raw.books ORDER BY _id") == [
        ("int:1",),
        ("int:2",),
    ]


def test_a_reading_of_the_log_ends_in_time_and_is_gone_on_with(
    catalog: Catalog, platform: dict[str, str]
) -> None:
    with closing(MongoDBSource(platform["SOFTCART_MONGO_URL"])) as source:
        start = source.log_end()
        for number in range(5):
            catalog["books"].insert_one({"_id": number})
        end = source.log_end()
        assert start and end
        position, found, readings = start.position, set(), 0
        complete = False
        while not complete:
            changes = source.touched({BOOKS: position}, end, limit=100, seconds=0)
            assert changes.position != position
            position, complete = changes.position, changes.complete
            found |= set(changes.touched[BOOKS].keys)
            readings += 1
        assert (len(found), readings) == (5, 5)


def test_a_user_who_may_not_read_the_oplog_is_not_told_how_long_it_is_kept(platform: dict[str, str]) -> None:
    with closing(MongoDBSource(platform["SOFTCART_MONGO_URL"])) as source:
        assert source.keeps_log() is None
