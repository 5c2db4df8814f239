"""A staging database and a warehouse of each kit, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from stack.cluster import Cluster
from sync import state
from sync.connections.postgresql import connect_postgresql
from tests.conformance.kits import KITS, Kit
from tests.conformance.shop import Shop
from tests.fresh import fresh_database


@pytest.fixture(scope="package")
def staging_url(stack: Cluster, urls: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url:
        yield url


@pytest.hookimpl(tryfirst=True)  # before marks select
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a slow stand-in's tests the quick ones alone are run each time."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        kind = KITS.get(callspec.params.get("kit", "")) if callspec else None
        names = {item.path.stem, getattr(item, "originalname", item.name)}
        if kind and kind.quick is not None and names.isdisjoint(kind.quick):
            item.add_marker(pytest.mark.extended)


@pytest.fixture(scope="package", params=sorted(KITS))
def kit(request: pytest.FixtureRequest, stack: Cluster, urls: dict[str, str]) -> Iterator[Kit]:
    kind = KITS[request.param]
    with kind.server(stack, urls) as url:
        yield kind(url)


@pytest.fixture
def bare(request: pytest.FixtureRequest, staging_url: str, kit: Kit) -> Iterator[Shop]:
    """Staging without a table, production without anything."""
    if reason := kit.unverified.get(request.node.originalname):
        pytest.skip(f"unverified: {reason}")
    kit.clear()
    with closing(connect_postgresql(staging_url)) as connection:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS star, reports, sync, quarantine CASCADE")
        state.prepare(connection, schemas=("star", "reports"))
        yield Shop(connection, kit)


@pytest.fixture
def shop(bare: Shop) -> Shop:
    """The small star, built in staging and not mirrored yet."""
    bare.build()
    return bare
