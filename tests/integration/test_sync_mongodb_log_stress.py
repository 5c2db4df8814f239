"""MongoDB's log followed while four threads write: no state goes backward, and the end is the source's."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Event
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from sync import log_reading
from sync.sources.mongodb.bson_text import id_text
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.stress import BACKWARD, FEWEST_BATCHES, REPEATED, SECONDS
from tests.integration.sync_support import Pipeline
from tests.integration.test_sync_mongodb_log import Catalog

IDS = 100
WRITERS = 4
COUNTED = Table(
    "counted", "mongodb", "catalog", ("_id",), (Column("_id", "text"), Column("version", "bigint")),
    strategy=Strategy.LOG, history=True,
)  # fmt: skip


def write(url: str, seed: int, enough: Event) -> int:
    """Insert, update, replace and delete this writer's share of the ids, each time with a greater version;
    until there was enough of it; returns how many times."""
    chance, version = random.Random(seed), count(1)
    with MongoClient[dict[str, Any]](url) as client:
        collection = client.get_default_database().counted
        while not enough.is_set():
            key, number = chance.randrange(seed, IDS, WRITERS), next(version)
            act = chance.random()
            if act < 0.2:
                collection.delete_one({"_id": key})
            elif act < 0.6:
                collection.update_one({"_id": key}, {"$set": {"version": number}}, upsert=True)
            elif act < 0.98:
                collection.replace_one({"_id": key}, {"version": number}, upsert=True)
            else:
                _write_together(collection, seed, number)
    return next(version) - 1


def _write_together(collection: Collection[dict[str, Any]], seed: int, number: int) -> None:
    """Give all of this writer's documents one version, in one transaction."""
    with collection.database.client.start_session() as session, session.start_transaction():
        mine = {"_id": {"$in": list(range(seed, IDS, WRITERS))}}
        collection.update_many(mine, {"$set": {"version": number}}, session=session)


def test_no_applied_state_goes_backward_while_others_write(
    catalog: Catalog, urls: dict[str, str], staging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reading, "BATCH_KEYS", 90)
    catalog.counted.insert_many([{"_id": key, "version": 0} for key in range(IDS)])
    url = urls["SOFTCART_MONGO_ADMIN_URL"]
    with closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source, ThreadPoolExecutor(WRITERS) as threads:
        pipeline = Pipeline(source, staging)
        enough, end, batches_seen = Event(), time.monotonic() + SECONDS, 0
        writers = [threads.submit(write, url, seed, enough) for seed in range(WRITERS)]
        try:
            while time.monotonic() < end or batches_seen <= FEWEST_BATCHES:
                batches_seen += pipeline.run(COUNTED).changed > 0
        finally:
            enough.set()
        assert all(writer.result() > 100 for writer in writers)
        pipeline.run(COUNTED)

        expected = sorted((id_text(found["_id"]), found["version"]) for found in catalog.counted.find())
        live = "SELECT _id, version FROM raw.counted WHERE NOT _deleted"
        assert sorted(pipeline.query(live)) == expected
        ((batches,),) = pipeline.query("SELECT count(DISTINCT _batch) FROM history.counted")
        assert batches > FEWEST_BATCHES
        names = {"key": "_id", "table": "counted"}
        assert pipeline.query(BACKWARD.format(**names)) == []
        assert pipeline.query(REPEATED.format(**names)) == []
        assert pipeline.run(COUNTED, reload=True).changed == 0
