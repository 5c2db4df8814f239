"""The watermark strategy from MongoDB: late commits, ties, deletes and returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from sync.passes import Compare
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

Catalog = Database[dict[str, Any]]
ITEMS = Table(
    "items", "mongodb", "catalog", ("_id",),
    strategy=Strategy.WATERMARK, cursor="at", overlap_seconds=0,
    columns=(
        Column("_id", "text"), Column("n", "integer"),
        Column("at", "timestamptz"), Column("version", "bigint"),
    ),
)  # fmt: skip
BOTH = pytest.mark.parametrize("table", [ITEMS, replace(ITEMS, cursor="version")], ids=["a time", "a number"])


@pytest.fixture
def pipeline(catalog: Catalog, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    catalog["items"].insert_many([item(number, 0) for number in range(100)])
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        yield Pipeline(source, staging)


def item(number: int, n: int) -> dict[str, Any]:
    return {"_id": number, "n": n, "at": datetime.now(UTC), "version": number}


def assert_equal(pipeline: Pipeline, catalog: Catalog) -> None:
    live = pipeline.query("SELECT _id, n FROM raw.items WHERE NOT _deleted")
    assert sorted(live) == sorted((f"int:{each['_id']}", each["n"]) for each in catalog["items"].find())


@BOTH
def test_a_transaction_that_commits_late_is_not_missed(
    table: Table, pipeline: Pipeline, catalog: Catalog
) -> None:
    pipeline.run(table)
    with catalog.client.start_session() as session, session.start_transaction():
        catalog["items"].insert_one(item(200, 1), session=session)
        catalog["items"].insert_one(item(201, 1))
        assert pipeline.run(table).inserted == 1
        catalog["items"].insert_one(item(202, 1))
        assert pipeline.run(table).inserted == 1
    assert pipeline.run(table).inserted == 1
    assert_equal(pipeline, catalog)


@BOTH
def test_ties_and_documents_without_a_cursor_are_read_again(
    table: Table, pipeline: Pipeline, catalog: Catalog
) -> None:
    pipeline.run(table)
    same = datetime(2100, 1, 1, tzinfo=UTC)
    for number in (300, 301):
        catalog["items"].insert_one({**item(number, 1), "at": same, "version": 500})
        catalog["items"].insert_one({"_id": number + 10, "n": 1})
        assert pipeline.run(table).inserted == 2
    assert pipeline.run(table).changed == 0
    assert_equal(pipeline, catalog)


@BOTH
def test_deletes_returns_and_changed_keys_are_found_by_a_comparison(
    table: Table, pipeline: Pipeline, catalog: Catalog
) -> None:
    pipeline.run(table)
    catalog["items"].delete_many({"_id": {"$in": [1, 2]}})
    catalog["items"].insert_one(item(1002, 2))
    assert pipeline.run(table, compare=Compare.ALL).deleted == 2
    assert_equal(pipeline, catalog)
    catalog["items"].insert_one({**item(1, 7), "version": 2000})
    assert pipeline.run(table).inserted == 1
    assert_equal(pipeline, catalog)
