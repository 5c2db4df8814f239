"""A first load from MongoDB that is cut off is gone on with, whatever the types of the ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId
from pymongo.database import Database

from sync.sources.mongodb import source as mongodb
from sync.sources.mongodb.bson_text import CODEC, id_text
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

Catalog = Database[dict[str, Any]]
BOOKS = Table(
    "books", "mongodb", "catalog", ("_id",), (Column("_id", "text"), Column("n", "smallint")),
    strategy=Strategy.LOG, history=True,
)  # fmt: skip
IDS: list[Any] = [
    *(kind(n) for n in range(4) for kind in (int, lambda n: n + 0.5, lambda n: Decimal128(f"{n}.25"))),
    *"BaÄb", *({"part": n, "of": "x"} for n in range(4)), *(Binary(bytes([n]), n) for n in range(4)),
    *(ObjectId(f"{n:024x}") for n in range(4)), True, False,
]  # fmt: skip


TOO_LARGE = 99_999  # for a smallint


class CutOff(BaseException):
    """Ends a pass as a crash would."""


@pytest.fixture
def pipeline(
    catalog: Catalog, urls: dict[str, str], staging: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pipeline]:
    monkeypatch.setattr(mongodb, "BATCH_DOCUMENTS", 3)
    catalog.books.insert_many(
        [{"_id": key, "n": TOO_LARGE if n % 5 == 0 else 0} for n, key in enumerate(IDS)]
    )
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        yield Pipeline(source, staging)


def cut_off(pipeline: Pipeline, after: int) -> None:
    def observe(rows: int, expected: int | None) -> None:
        if rows > after:
            raise CutOff

    with pytest.raises(CutOff):
        pipeline.run(BOOKS, observe=observe)


def assert_equal(pipeline: Pipeline, catalog: Catalog) -> None:
    found = [(id_text(each["_id"]), each["n"]) for each in catalog.books.with_options(CODEC).find()]
    live = pipeline.query("SELECT _id, n FROM raw.books WHERE NOT _deleted")
    assert sorted(live) == sorted(each for each in found if each[1] < TOO_LARGE)
    rejected = sorted(key for key, n in found if n == TOO_LARGE)
    assert sorted(key for _, key, _ in pipeline.rejected()) == rejected


def test_only_the_rest_and_what_was_touched_meanwhile_is_read(pipeline: Pipeline, catalog: Catalog) -> None:
    cut_off(pipeline, after=9)
    assert pipeline.query("SELECT rows FROM sync.checkpoints") == [(9,)]
    before = sorted(IDS[:12], key=lambda each: float(str(each)))  # the numbers come first
    catalog.books.update_one({"_id": before[0]}, {"$set": {"n": 7}})
    catalog.books.update_one({"_id": before[11]}, {"$set": {"n": 7}})
    catalog.books.delete_many({"_id": {"$in": [before[1], IDS[-1]]}})
    catalog.books.insert_many([{"_id": -5, "n": 8}, {"_id": "z", "n": 8}])
    result = pipeline.run(BOOKS)
    assert result.read == 2 + len(IDS) - 9
    assert result.notes == ("the first load goes on behind 9 rows that an earlier pass has read",)
    assert_equal(pipeline, catalog)


def test_one_that_is_cut_off_again_and_again_arrives(pipeline: Pipeline, catalog: Catalog) -> None:
    for step, after in enumerate(range(3, 22, 6), 1):
        cut_off(pipeline, after)
        catalog.books.update_many({"_id": {"$in": IDS[::step]}}, {"$set": {"n": step}})
        catalog.books.delete_one({"_id": IDS[step * 3]})
    pipeline.run(BOOKS)
    assert_equal(pipeline, catalog)
    assert pipeline.run(BOOKS, reload=True).changed == 0


def test_a_collection_that_was_dropped_meanwhile_is_read_from_its_beginning(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    cut_off(pipeline, after=9)
    catalog.books.drop()
    catalog.books.insert_one({"_id": 5, "n": 5})
    result = pipeline.run(BOOKS)
    assert result.notes == ("the first load was begun again: it was dropped",)
    assert_equal(pipeline, catalog)
