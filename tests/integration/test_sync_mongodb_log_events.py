"""What happens to whole collections, to databases and to the server while MongoDB's log is followed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from stack.cluster import Cluster
from stack.mongodb import MongoDB
from sync.errors import SyncError, TransientError
from sync.passes import Compare, PassResult
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Table
from tests.integration.sync_support import Pipeline
from tests.integration.test_sync_mongodb_log import (
    BOOKS,
    TOYS,
    Catalog,
    assert_equal,
    both,
    pipeline,
    position_of,
)

__all__ = ["pipeline"]  # a fixture


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda catalog: catalog.drop_collection("books"), "it was dropped"),
        (lambda catalog: catalog.client.drop_database(catalog.name), "it was dropped"),
        (lambda catalog: catalog.books.rename("old_books"), "it was renamed to 'old_books'"),
        (lambda catalog: catalog.other.rename("books", dropTarget=True), "'other' became it"),
    ],
    ids=["dropped", "with its database", "renamed away", "replaced"],
)
def test_a_collection_that_was_made_anew_is_read_whole(
    act: Callable[[Catalog], Any], reason: str, pipeline: Pipeline, catalog: Catalog
) -> None:
    both(pipeline)
    catalog.other.insert_many([{"_id": n, "n": 9} for n in range(5)])
    catalog.books.update_one({"_id": 1}, {"$set": {"n": 8}})
    act(catalog)
    catalog.books.insert_one({"_id": "new"})
    catalog.toys.insert_one({"_id": "new"})
    results = both(pipeline)
    books = results[BOOKS]
    assert isinstance(books, PassResult)
    assert (books.compared, books.notes) == (True, (f"read whole, since {reason}",))
    assert_equal(pipeline, catalog)
    assert all(isinstance(result, PassResult) and not result.compared for result in both(pipeline).values())


def test_a_collection_that_became_the_tables_is_read_whole(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.drop_collection("books")
    both(pipeline)
    catalog.other.insert_many([{"_id": n, "n": 9} for n in range(5)])
    catalog.other.rename("books")
    books = both(pipeline)[BOOKS]
    assert isinstance(books, PassResult)
    assert books.notes == ("read whole, since 'other' became it",)
    assert_equal(pipeline, catalog)


def test_a_collection_that_is_gone_is_refused_and_holds_no_other_back(
    pipeline: Pipeline, catalog: Catalog
) -> None:
    both(pipeline)
    catalog.drop_collection("books")
    catalog.toys.update_one({"_id": 1}, {"$set": {"n": 5}})
    results = both(pipeline)
    toys = results[TOYS]
    assert "catalog.books is gone from mongodb" in str(results[BOOKS])
    assert isinstance(toys, PassResult)
    assert toys.updated == 1


def test_a_collection_that_goes_while_it_is_followed_loses_no_rows_here(
    pipeline: Pipeline, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    both(pipeline)
    snapshot = MongoDBSource.snapshot

    @contextmanager
    def late(source: MongoDBSource, bound_for: Table | None = None) -> Iterator[Any]:
        catalog.drop_collection("books")
        with snapshot(source, bound_for) as opened:
            yield opened

    monkeypatch.setattr(MongoDBSource, "snapshot", late)
    assert "catalog.books is gone" in str(both(pipeline)[BOOKS])
    assert pipeline.query("SELECT count(*) FROM raw.books WHERE NOT _deleted") == [(100,)]


def test_changes_of_the_largest_documents_fit_into_the_log(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.drop_collection("books")
    catalog.create_collection("books", changeStreamPreAndPostImages={"enabled": True})
    both(pipeline)
    large = {"_id": 1, "n": 1, "text": "x" * (15 << 20)}
    catalog.books.insert_one(large)
    catalog.books.replace_one({"_id": 1}, {**large, "n": 2, "text": "y" * (15 << 20)})
    catalog.books.update_one({"_id": 1}, {"$set": {"n": 3, "text": "z" * (15 << 20)}})
    pipeline.run(BOOKS)
    assert pipeline.query("SELECT n, length(document ->> 'text') FROM raw.books") == [(3, 15 << 20)]


@pytest.mark.parametrize(
    ("position", "complaint"),
    [
        ({"clusterTime": [4_000_000_000, 1]}, r"lies ahead of the log of catalog.*--reload"),
        ({"collections": {"catalog.books": "0" * 32}}, r"is not the collection that the position.*--reload"),
        ({"clusterTime": "yesterday"}, r"is no position in MongoDB's log.*--reload"),
    ],
    ids=["future", "foreign", "senseless"],
)
def test_a_position_of_another_server_is_refused_with_the_way_out(
    position: dict[str, Any], complaint: str, pipeline: Pipeline, catalog: Catalog
) -> None:
    both(pipeline)
    catalog.books.update_one({"_id": 1}, {"$set": {"n": 5}})
    wrong = json.dumps({**position_of(pipeline, "books"), **position})
    pipeline.query(f"UPDATE sync.tables SET position = '{wrong}' WHERE table_name = 'books'")
    with pytest.raises(SyncError, match=complaint) as caught:
        pipeline.run(BOOKS)
    assert not isinstance(caught.value, TransientError)
    assert pipeline.run(BOOKS, reload=True).updated == 1
    assert pipeline.run(BOOKS).changed == 0


def test_what_the_log_does_not_tell_of_is_refused(pipeline: Pipeline, catalog: Catalog) -> None:
    catalog.create_collection("view", viewOn="books")
    catalog.create_collection("ring", capped=True, size=4096)
    catalog.create_collection("series", timeseries={"timeField": "at"})
    for name, kind in (("view", "view"), ("ring", "capped collection"), ("series", "timeseries")):
        with pytest.raises(SyncError, match=f"is a {kind}, of which the log does not tell everything"):
            pipeline.run(replace(BOOKS, name=name))
    keyed = replace(BOOKS, key=("n",), columns=(Column("n", "bigint"),), history=False)
    with pytest.raises(SyncError, match="declare _id as the key"):
        pipeline.run(keyed)


@contextmanager
def mongod(stack: Cluster, data: Path, *options: str) -> Iterator[str]:
    """A server of its own, as the stack's but without users; yields its URL."""
    server = MongoDB(stack.home)
    port = stack.ports.known()["mongodb"] + 1000
    command = [part for part in server.command(port) if not part.startswith(("--replSet", "--keyFile"))]
    own = [f"--dbpath={data}", *options]
    command = [part for part in command if part.partition("=")[0] not in {o.partition("=")[0] for o in own}]
    data.mkdir()
    process = subprocess.Popen(
        [*command, *own],
        env=server.process_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"mongodb://127.0.0.1:{port}/catalog"
    finally:
        process.terminate()
        process.wait()


def test_a_standalone_server_is_refused_with_the_way_out(
    stack: Cluster, staging: str, tmp_path: Path
) -> None:
    refusal = pytest.raises(SyncError, match=r"make it a replica set, one member will do. Or declare")
    with mongod(stack, tmp_path / "data") as url, closing(MongoDBSource(url)) as source, refusal:
        Pipeline(source, staging).run(BOOKS)


def test_a_log_that_was_overwritten_is_refused_with_the_way_out(
    stack: Cluster, staging: str, tmp_path: Path
) -> None:
    with mongod(stack, tmp_path / "data", "--replSet=own", "--oplogSize=1", "--syncdelay=1") as url:
        with MongoClient[dict[str, Any]](url, directConnection=True) as client:
            client.admin.command("replSetInitiate")
        with (
            MongoClient[dict[str, Any]](f"{url}?replicaSet=own") as client,
            closing(MongoDBSource(f"{url}?replicaSet=own")) as source,
        ):
            own = Pipeline(source, staging)
            books = client.catalog.books
            books.insert_one({"_id": 1, "n": 0})
            own.run(BOOKS)
            first = position_of(own, "books")["clusterTime"]
            oplog = client.local["oplog.rs"]
            letters = cycle("xy")  # a text that stays as it is takes no room in the log
            while next(oplog.find().sort("$natural", 1).limit(1))["ts"].time <= first[0]:
                books.update_one({"_id": 1}, {"$set": {"text": next(letters) * (4 << 20)}, "$inc": {"n": 1}})
            with pytest.raises(SyncError, match=r"no longer reaches back to where books ended.*--reload"):
                own.run(BOOKS)
            assert own.run(BOOKS, reload=True).updated == 1
            assert own.run(BOOKS).changed == 0


def test_an_atomic_apply_ops_is_found_and_repaired_by_a_comparison(
    pipeline: Pipeline, catalog: Catalog, stack: Cluster
) -> None:
    """The server tells no change stream of it."""
    both(pipeline)
    login = {"username": "root", "password": stack.home.passwords["mongodb.root"], "authSource": "admin"}
    written = [
        {"op": "i", "ns": f"{catalog.name}.books", "o": {"_id": "restored", "n": 7}},
        {"op": "u", "ns": f"{catalog.name}.books", "o2": {"_id": 1}, "o": {"_id": 1, "n": 8}},
        {"op": "d", "ns": f"{catalog.name}.books", "o": {"_id": 2}},
    ]
    with MongoClient[dict[str, Any]]("127.0.0.1", stack.ports.known()["mongodb"], **login) as root:
        root.admin.command("applyOps", written)
    catalog.books.update_one({"_id": 3}, {"$set": {"n": 9}})
    followed = both(pipeline)[BOOKS]
    assert isinstance(followed, PassResult)
    assert (followed.inserted, followed.updated, followed.deleted) == (0, 1, 0)
    repaired = both(pipeline, compare=Compare.ALL)[BOOKS]
    assert isinstance(repaired, PassResult)
    assert (repaired.inserted, repaired.updated, repaired.deleted) == (1, 1, 1)
    assert_equal(pipeline, catalog)
