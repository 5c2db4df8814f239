"""A row whose key is too long for an index goes to the quarantine, whatever the way of reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from random import Random
from typing import Any

import pymysql
import pytest
from pymongo.database import Database

from sync.errors import SyncError
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline, execute

Shop = pymysql.Connection
NOTES = Table("notes", "mysql", "shop", key=("part", "name"))
TOO_LONG = "its key is too long for an index of PostgreSQL's, which takes about 2700 bytes"
STRATEGIES = {
    "full": NOTES,
    "history": replace(NOTES, history=True),
    "log": replace(NOTES, strategy=Strategy.LOG),
    "watermark": replace(NOTES, strategy=Strategy.WATERMARK, cursor="updated_at"),
}


def random_hex(length: int) -> str:
    return Random(length).randbytes(length).hex()


def insert(name: str, value: int = 0) -> str:
    return f"INSERT INTO notes (part, name, n) VALUES (1, {name}, {value})"


@pytest.fixture
def notes(shop: Shop) -> Iterator[Shop]:
    execute(
        shop,
        "CREATE TABLE notes (part INT, name VARBINARY(3000), n INT, updated_at TIMESTAMP(6)"
        " DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), PRIMARY KEY (part, name))",
        insert("'a'"),
        insert("repeat('x', 3000)"),  # fits: it is kept compressed
        insert(f"x'{random_hex(2600)}'"),
    )
    yield shop


def live(pipeline: Pipeline) -> list[tuple[int, int]]:
    return pipeline.query("SELECT length(name), n FROM raw.notes WHERE NOT _deleted ORDER BY 1, 2")


def quarantined(pipeline: Pipeline) -> list[tuple[str, str]]:
    return pipeline.query("SELECT md5(key), reason FROM quarantine.rejected_rows ORDER BY length(key)")


@pytest.mark.parametrize("table", STRATEGIES.values(), ids=STRATEGIES)
def test_neighbours_of_a_row_with_a_long_key_load(pipeline: Pipeline, notes: Shop, table: Table) -> None:
    execute(notes, insert(f"x'{random_hex(2900)}'", 7))
    result = pipeline.run(table)
    assert (result.read, result.inserted, result.quarantined) == (4, 3, 1)
    assert [length for length, _ in live(pipeline)] == [1, 2600, 3000]
    ((key, reason, raw),) = pipeline.query("SELECT key, reason, raw FROM quarantine.rejected_rows")
    assert (json.loads(key), reason) == (["1", rf"\x{random_hex(2900)}"], TOO_LONG)
    assert (json.loads(raw)["name"], json.loads(raw)["n"]) == (rf"\x{random_hex(2900)}", "7")
    assert pipeline.run(table).changed == 0

    execute(notes, insert(f"x'{random_hex(2800)}'"), insert("'b'", 8), "UPDATE notes SET n = 9")
    result = pipeline.run(table)
    assert (result.inserted, result.updated, result.deleted, result.quarantined) == (1, 3, 0, 2)
    assert [reason for _, reason in quarantined(pipeline)] == [TOO_LONG] * 2

    execute(
        notes,
        "UPDATE notes SET name = 'short' WHERE length(name) = 2900",
        "DELETE FROM notes WHERE length(name) = 2800",
    )
    pipeline.run(table, **({"reload": True} if table.cursor else {}))
    assert quarantined(pipeline) == []
    assert live(pipeline) == [(1, 9), (1, 9), (5, 9), (2600, 9), (3000, 9)]


def test_the_change_log_has_room_for_the_time_of_the_change_too(pipeline: Pipeline, notes: Shop) -> None:
    fitting = 2684  # with its header and the integer 2700 of 2704 bytes
    execute(notes, insert(f"x'{random_hex(fitting)}'"))
    assert pipeline.run(NOTES).quarantined == 0
    assert pipeline.run(replace(NOTES, name="logged", source_table="notes", history=True)).quarantined == 1


def test_a_share_of_rejected_rows_counts_those_with_long_keys(pipeline: Pipeline, notes: Shop) -> None:
    execute(notes, insert(f"x'{random_hex(2900)}'"))
    with pytest.raises(SyncError, match=r"1 of 4 rows cannot be loaded, .* max_rejected_share = 0\.2"):
        pipeline.run(replace(NOTES, max_rejected_share=0.2))
    assert pipeline.run(replace(NOTES, max_rejected_share=0.25)).quarantined == 1


def test_a_first_load_that_failed_leaves_nothing_behind(pipeline: Pipeline, notes: Shop) -> None:
    with pytest.raises(SyncError, match=r"shows a key \(part\) twice"):
        pipeline.run(replace(NOTES, key=("part",)))
    assert pipeline.query("SELECT relname FROM pg_class WHERE relname ~ '^_(loading|rejected)_'") == []


@pytest.mark.parametrize("length", [1000, 2000])
def test_a_document_with_a_long_id_is_followed(
    urls: dict[str, str], catalog: Database[Any], staging: str, length: int
) -> None:
    rejected = int(length == 2000)
    long = {"_id": random_hex(length)}
    catalog.notes.insert_many([{"_id": "a"}, {**long, "n": 1}])
    columns = (Column("_id", "text"), Column("n", "integer"))
    table = Table("notes", "mongodb", "catalog", ("_id",), columns=columns, strategy=Strategy.LOG)
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source:
        pipeline = Pipeline(source, staging)
        assert pipeline.run(table).quarantined == rejected
        catalog.notes.update_one(long, {"$set": {"n": 2}})
        result = pipeline.run(table)
        assert (result.updated, result.quarantined) == (1 - rejected, rejected)
        catalog.notes.delete_one(long)
        result = pipeline.run(table)
        assert (result.deleted, result.quarantined, result.rows) == (1 - rejected, 0, 1)
