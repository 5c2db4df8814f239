"""Settings of a MongoDB server that change how it answers: taken into account, or named with the way out."""

from __future__ import annotations

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
from sync.connections.mongodb import connect_mongodb
from sync.errors import SyncError
from sync.sources.mongodb.source import MongoDBSource
from sync.spec import Column, Strategy, Table
from tests.integration.sync_support import Pipeline

ITEMS = Table(
    "items", "mongodb", "catalog", ("_id",), strategy=Strategy.WATERMARK, cursor="version",
    columns=(Column("_id", "text"), Column("version", "bigint")),
)  # fmt: skip


@pytest.fixture
def root_url(stack: Cluster, urls: dict[str, str]) -> str:
    parts = urlsplit(urls["SOFTCART_MONGO_URL"])
    login = f"root:{stack.home.passwords['mongodb.root']}@127.0.0.1:{parts.port}"
    return urlunsplit(parts._replace(netloc=login, query="authSource=admin&directConnection=true"))


@pytest.fixture
def settings(root_url: str, catalog: Database[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """The database `admin`, whose parameters are put back."""
    catalog["items"].insert_many([{"_id": number, "version": number} for number in range(3)])
    with MongoClient[dict[str, Any]](root_url) as root:
        yield root.admin
        root.admin.command("setParameter", 1, notablescan=False)
        root.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)


def test_a_server_that_refuses_to_read_without_an_index_is_named(
    settings: Database[dict[str, Any]], urls: dict[str, str], staging: str
) -> None:
    settings.command("setParameter", 1, notablescan=True)
    with (
        closing(MongoDBSource(urls["SOFTCART_MONGO_URL"])) as source,
        pytest.raises(SyncError, match=r"notablescan.*unset it"),
    ):
        Pipeline(source, staging).run(ITEMS)


def test_a_watermark_waits_for_as_long_as_the_server_lets_a_transaction_be_open(
    settings: Database[dict[str, Any]], root_url: str, urls: dict[str, str]
) -> None:
    settings.command("setParameter", 1, transactionLifetimeLimitSeconds=3600)
    for url, overlap, least in (
        (root_url, 0, 3600),
        (urls["SOFTCART_MONGO_URL"], 0, 60),  # who may not ask takes the default
        (urls["SOFTCART_MONGO_URL"], 900, 900),
    ):
        table = replace(ITEMS, overlap_seconds=overlap)
        with closing(MongoDBSource(url)) as source, source.snapshot(bound_for=table) as snapshot:
            assert snapshot.bound is not None
            assert snapshot.bound.at is not None
            waits = datetime.now(UTC) - snapshot.bound.at
            assert timedelta(seconds=least) <= waits < timedelta(seconds=least + 30)


def test_a_mistyped_option_in_the_url_is_refused_by_name(urls: dict[str, str]) -> None:
    with pytest.raises(SyncError, match="Unknown option: tsl"):
        connect_mongodb(urls["SOFTCART_MONGO_URL"] + "&tsl=true")
