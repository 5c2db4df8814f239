"""Change data capture from MongoDB: what its change streams tell arrives, in order, at one moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.dbref import DBRef
from bson.son import SON
from pymongo.database import Database

from sync import log_reading
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import Options, PassResult
from sync.sources.mongodb import change_stream
from sync.sources.mongodb import sessions as mongodb_sessions
from sync.sources.mongodb.bson_text import CODEC, id_text
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget
from tests.integration.sync_support import Pipeline

Catalog = Database[dict[str, Any]]
COLUMNS = (Column("_id", "text"), Column("n", "bigint"))
BOOKS, TOYS = (
    Table(
        name, "mongodb", "catalog", ("_id",), COLUMNS, strategy=Strategy.LOG, document="document",
        history=name == "books",
    )
    for name in ("books", "toys")
)  # fmt: skip


@pytest.fixture
def pipeline(catalog: Catalog, urls: dict[str, str], staging: str) -> Iterator[Pipeline]:
    for name in ("books", "toys"):
        catalog[name].insert_many([{"_id": n, "n": 0} for n in range(100)])
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        yield Pipeline(source, staging)


def both(pipeline: Pipeline, **options: Any) -> dict[Table, PassResult | SyncError]:
    target = PostgreSQLTarget(pipeline.target_url)
    return dict(run_passes([BOOKS, TOYS], pipeline.source, target, "test", Options(**options)))


def live(pipeline: Pipeline, name: str) -> list[tuple[str, int | None]]:
    rows = pipeline.query(f"SELECT _id, n FROM raw.{name} WHERE NOT _deleted")
    return sorted(rows)


def assert_equal(pipeline: Pipeline, catalog: Catalog, *names: str) -> None:
    for name in names or ("books", "toys"):
        expected = sorted(
            (id_text(found["_id"]), found.get("n")) for found in catalog[name].with_options(CODEC).find()
        )
        assert live(pipeline, name) == expected


def position_of(pipeline: Pipeline, name: str) -> dict[str, Any]:
    ((position,),) = pipeline.query(f"SELECT position FROM sync.tables WHERE table_name = '{name}'")
    fields: dict[str, Any] = json.loads(position)
    return fields


def test_inserts_updates_replacements_deletes_and_returns_arrive(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    assert pipeline.run(BOOKS).read == 100
    catalog.books.insert_one({"_id": "new", "n": 1})
    catalog.books.update_many({"_id": {"$lt": 3}}, {"$set": {"n": 1}})
    catalog.books.replace_one({"_id": 4}, {"n": 2, "more": True})
    catalog.books.delete_one({"_id": 5})
    result = pipeline.run(BOOKS)
    assert (result.read, result.inserted, result.updated, result.deleted) == (5, 1, 4, 1)
    assert not result.compared
    catalog.books.insert_one({"_id": 5, "n": 3})
    assert pipeline.run(BOOKS).inserted == 1
    assert_equal(pipeline, catalog, "books")
    log = "SELECT n, _deleted FROM history.books WHERE _id = 'int:5' ORDER BY _changed_at"
    assert [deleted for _, deleted in pipeline.query(log)] == [False, True, False]


def test_a_replay_of_the_log_writes_nothing(pipeline: Pipeline, catalog: Catalog) -> None:
    pipeline.run(BOOKS)
    before = json.dumps(position_of(pipeline, "books"))
    catalog.books.update_many({"_id": {"$lt": 3}}, {"$set": {"n": 1}})
    catalog.books.delete_one({"_id": 5})
    assert pipeline.run(BOOKS).changed == 4
    pipeline.query(f"UPDATE sync.tables SET position = '{before}'")
    result = pipeline.run(BOOKS)
    assert (result.read, result.changed, result.batch) == (3, 0, None)


def test_what_comes_and_goes_between_two_batches_leaves_no_trace(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    pipeline.run(BOOKS)
    catalog.books.insert_one({"_id": "brief"})
    catalog.books.delete_one({"_id": "brief"})
    assert pipeline.run(BOOKS).changed == 0


def test_the_position_advances_when_only_foreign_collections_change(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    both(pipeline)
    before = position_of(pipeline, "books")
    catalog.foreign.insert_many([{"n": n} for n in range(10)])
    for result in both(pipeline).values():
        assert isinstance(result, PassResult)
        assert (result.read, result.batch) == (0, None)
    after = position_of(pipeline, "books")
    assert after["clusterTime"] > before["clusterTime"]
    assert position_of(pipeline, "toys")["clusterTime"] == after["clusterTime"]


def test_a_transaction_over_several_collections_shows_at_one_moment(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    both(pipeline)
    with catalog.client.start_session() as session, session.start_transaction():
        catalog.books.insert_many([{"_id": f"new {n}", "n": 7} for n in range(50)], session=session)
        catalog.toys.update_many({}, {"$set": {"n": 7}}, session=session)
    results = both(pipeline)
    assert [result.changed for result in results.values() if isinstance(result, PassResult)] == [50, 100]
    assert len(set(pipeline.query("SELECT position, synced_at FROM sync.tables"))) == 1
    assert_equal(pipeline, catalog)


@pytest.mark.parametrize("events", [3, 5000], ids=["small answers", "large answers"])
def test_a_batch_ends_with_the_transaction_that_reaches_the_limit(
    events: int, pipeline: Pipeline, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    both(pipeline)
    monkeypatch.setattr(log_reading, "BATCH_KEYS", 10)
    monkeypatch.setattr(change_stream, "BATCH_EVENTS", events)
    for number in range(1, 6):
        with catalog.client.start_session() as session, session.start_transaction():
            catalog.books.update_many({"_id": {"$lt": 8}}, {"$set": {"n": number}}, session=session)
            catalog.toys.update_many({"_id": {"$lt": 8}}, {"$set": {"n": number}}, session=session)
    limits = [
        changes.complete
        for changes in _batches(pipeline.source, {BOOKS: _position(pipeline), TOYS: _position(pipeline)})
    ]
    assert limits == [False, False, False, False, True]
    both(pipeline)
    assert_equal(pipeline, catalog)


def _position(pipeline: Pipeline) -> str:
    return json.dumps(position_of(pipeline, "books"))


def _batches(source: Any, starts: dict[Table, str]) -> Iterator[Any]:
    while True:
        with source.snapshot() as snapshot:
            changes = snapshot.changes(starts, log_reading.BATCH_KEYS)
        assert all(len(list(touched.keys)) == 8 for touched in changes.touched.values())
        yield changes
        if changes.complete:
            return
        starts = dict.fromkeys(starts, changes.position)


IDS = [
    1, "1", "int:1", 1.5, Decimal128("2.50"), True, None, {"a": 1}, SON([("b", 1), ("a", 2)]), {},
    datetime(2024, 1, 1), b"\x01", Binary(b"\x01", 5), Binary(bytes(16), 4), Int64(1 << 40), "", "Ω",
    ObjectId("0123456789abcdef01234567"), "0123456789abcdef01234567", Timestamp(1, 2), float("nan"),
    float("inf"), DBRef("books", 1), Code("f()"), MinKey(), MaxKey(),
    {"a": {"b": [1, 2]}},
]  # fmt: skip


def test_ids_of_every_type_are_followed(pipeline: Pipeline, catalog: Catalog) -> None:
    pipeline.run(TOYS)
    catalog.toys.delete_many({})
    catalog.toys.insert_many([{"_id": key, "n": 0} for key in IDS])
    result = pipeline.run(TOYS)
    assert (result.rows, result.deleted) == (len(IDS), 99)
    catalog.toys.update_many({}, {"$inc": {"n": 1}})
    result = pipeline.run(TOYS)
    assert (result.read, result.updated) == (len(IDS), len(IDS))
    assert pipeline.run(TOYS, reload=True).changed == 0
    catalog.toys.delete_many({})
    assert pipeline.run(TOYS).deleted == len(IDS)
    catalog.toys.insert_many([{"n": number} for number in range(3)])
    assert pipeline.run(TOYS).inserted == 3
    catalog.toys.delete_one({"n": 0})
    assert pipeline.run(TOYS).deleted == 1
    assert_equal(pipeline, catalog, "toys")


def test_an_id_that_returns_as_an_equal_number_of_another_type_is_another_row(
    pipeline: Pipeline, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.sources.mongodb.source.PORTION", 1)
    pipeline.run(BOOKS)
    for key in (1.0, Int64(1), Decimal128("1")):
        catalog.books.delete_one({"_id": 1})
        catalog.books.insert_one({"_id": key, "n": 5})
        pipeline.run(BOOKS)
        assert pipeline.run(BOOKS, reload=True).changed == 0
    assert [key for key, n in live(pipeline, "books") if n == 5] == ["decimal:1"]


def test_ids_that_a_collation_takes_for_equal_are_told_apart(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.drop_collection("books")
    catalog.create_collection("books", collation={"locale": "en", "strength": 2})
    catalog.books.insert_one({"_id": "abc", "n": 1})
    pipeline.run(BOOKS)
    catalog.books.delete_one({"_id": "abc"})
    catalog.books.insert_one({"_id": "ABC", "n": 2})
    assert (pipeline.run(BOOKS).changed, live(pipeline, "books")) == (2, [("ABC", 2)])


def test_a_document_that_cannot_be_loaded_goes_to_quarantine_and_comes_back(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    pipeline.run(BOOKS)
    catalog.books.update_one({"_id": 1}, {"$set": {"n": "many"}})
    result = pipeline.run(BOOKS)
    assert (result.quarantined, result.deleted) == (1, 0)
    assert [key for _, key, _ in pipeline.rejected()] == ["int:1"]
    catalog.books.update_one({"_id": 1}, {"$set": {"n": 2}})
    assert pipeline.run(BOOKS).quarantined == 0
    catalog.books.update_one({"_id": 1}, {"$set": {"n": "many"}})
    pipeline.run(BOOKS)
    catalog.books.delete_one({"_id": 1})
    result = pipeline.run(BOOKS)
    assert (result.quarantined, result.deleted) == (0, 1)


def test_excluded_and_masked_fields_stay_out_of_what_the_log_brings(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    mail = Column("mail", "text", mask=True)
    private = replace(BOOKS, columns=(*COLUMNS, mail), exclude=frozenset({"cost"}))
    pipeline.run(private)
    catalog.books.update_one({"_id": 1}, {"$set": {"mail": "ann@shop.example", "cost": 5}})
    assert pipeline.run(private).updated == 1
    ((hashed, document),) = pipeline.query("SELECT mail, document FROM raw.books WHERE _id = 'int:1'")
    assert (len(hashed), document) == (64, {"_id": 1, "n": 0, "mail": hashed})


def test_a_long_reading_goes_on_at_later_moments_and_the_log_brings_the_rest(
    pipeline: Pipeline, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.sources.mongodb.source.BATCH_DOCUMENTS", 7)
    monkeypatch.setattr("sync.sources.mongodb.rows.CHUNK_BYTES", 1)
    monkeypatch.setattr(mongodb_sessions, "RENEWAL_SECONDS", 0.0)
    catalog.books.delete_many({})
    catalog.books.insert_many([{"_id": key, "n": 0} for key in [*IDS, *range(100, 150)]])
    numbers = iter(range(1000))

    def write(read: int, expected: int | None) -> None:
        number = next(numbers)
        catalog.books.insert_one({"_id": f"later {number}"})
        catalog.books.update_many({}, {"$inc": {"n": 1}})
        catalog.books.delete_one({"_id": 149 - number})

    pipeline.run(BOOKS, observe=write)
    monkeypatch.undo()
    assert next(numbers) > 10
    assert pipeline.run(BOOKS).compared is False
    assert_equal(pipeline, catalog, "books")


def test_a_collection_that_does_not_exist_yet_is_followed_from_its_first_document(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    catalog.drop_collection("books")
    assert pipeline.run(BOOKS).source_exists is False
    catalog.books.insert_one({"_id": 1, "n": 1})
    result = pipeline.run(BOOKS)
    assert (result.inserted, result.compared) == (1, False)


def test_a_table_goes_on_from_its_rows_when_it_begins_to_follow_the_log(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    batch = pipeline.run(replace(BOOKS, strategy=Strategy.FULL)).batch
    catalog.books.update_one({"_id": 1}, {"$set": {"n": 5}})
    assert pipeline.run(BOOKS).changed == 1
    assert pipeline.query(f"SELECT count(*) FROM raw.books WHERE _batch = {batch}") == [(99,)]
