"""A delayed secondary of MongoDB's as the member that is read: what it shows is as old as its delay."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from stack.cluster import Cluster
from stack.home import Home
from stack.mongodb import MongoDB
from stack.server import NotReady
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline
from tests.waiting import until

DELAY = 3
ITEMS = Table(
    "items", "mongodb", "catalog", ("_id",), strategy=Strategy.WATERMARK, cursor="version", overlap_seconds=0,
    columns=(Column("_id", "text"), Column("version", "bigint")),
)  # fmt: skip
WHOLE = replace(ITEMS, strategy=Strategy.FULL, cursor=None)
LOGGED = replace(WHOLE, name="logged", source_table="items", strategy=Strategy.LOG)


class Secondary(MongoDB):
    """A member of another server's replica set."""

    def __init__(self, home: Home, primary: Cluster) -> None:
        super().__init__(home)
        self.primary = primary

    def initialise(self) -> None:
        key = self.primary.home.passwords["mongodb.keyfile"].replace("-", "+").replace("_", "/")
        self.home.write_private(self._keyfile, key)

    def ping(self, port: int) -> str:
        try:
            with self._client(port, login=False) as client:
                return str(client.admin.command("hello")["maxWireVersion"])
        except Exception as error:
            raise NotReady(str(error)) from error

    def provision(self, port: int) -> None:
        """It has its primary's users."""


@pytest.fixture
def secondary(stack: Cluster, catalog: Database[dict[str, Any]], worker_id: str) -> Iterator[int]:
    own = Cluster(Home.from_environment().inner(f"secondary-{worker_id}"), {})
    own.home.prepare()
    server = Secondary(own.home, stack)
    shutil.rmtree(server.folder, ignore_errors=True)
    login = {"username": "root", "password": stack.home.passwords["mongodb.root"], "authSource": "admin"}
    with (
        own.home.locked(),
        MongoClient[dict[str, Any]]("127.0.0.1", stack.ports.known()["mongodb"], **login) as root,
    ):
        server.start(own.ports, lambda line: None)
        port = own.ports.known()["mongodb"]
        alone = root.admin.command("replSetGetConfig")["config"]["members"]
        member = {"_id": 1, "host": f"127.0.0.1:{port}", "votes": 0, "priority": 0}
        try:
            reconfigure(root, [*alone, {**member, "secondaryDelaySecs": DELAY}])
            asked = "replSetGetStatus"
            until(lambda: root.admin.command(asked)["members"][-1]["stateStr"] == "SECONDARY")
            yield port
        finally:
            reconfigure(root, alone)
            server.stop()
    shutil.rmtree(server.folder)


def reconfigure(root: MongoClient[dict[str, Any]], members: list[dict[str, Any]]) -> None:
    config = root.admin.command("replSetGetConfig")["config"]
    root.admin.command("replSetReconfig", {**config, "members": members, "version": config["version"] + 1})


def test_what_a_delayed_secondary_shows_is_as_old_as_its_delay(
    secondary: int, catalog: Database[dict[str, Any]], urls: dict[str, str], staging: str
) -> None:
    catalog["items"].insert_one({"_id": 1, "version": 1})
    time.sleep(DELAY + 1)
    parts = urlsplit(urls["SOFTCART_MONGO_URL"])  # a delayed member is one that its set does not tell of
    netloc = parts.netloc.replace(str(parts.port), str(secondary))
    query = f"{parts.query}&directConnection=true"
    with closing(MongoDBSource(urlunsplit(parts._replace(netloc=netloc, query=query)))) as source:
        items = Pipeline(source, staging)
        catalog["items"].insert_one({"_id": 2, "version": 2})
        with source.snapshot(bound_for=ITEMS) as snapshot:
            assert snapshot.bound is not None
            assert snapshot.bound.at is not None
            assert datetime.now(UTC) - snapshot.bound.at >= timedelta(seconds=60 + DELAY - 1)
        assert items.run(WHOLE).rows == 1
        ((lag,),) = items.query("SELECT clock_timestamp() - synced_at FROM sync.tables")
        assert lag >= timedelta(seconds=DELAY - 1)
        time.sleep(DELAY + 1)
        assert items.run(WHOLE).rows == 2
        items.run(LOGGED)
        catalog["items"].insert_one({"_id": 3, "version": 3})
        assert items.run(LOGGED).rows == 2
        time.sleep(DELAY + 1)
        assert items.run(LOGGED).rows == 3
