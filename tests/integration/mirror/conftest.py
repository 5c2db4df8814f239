"""Two databases for all tests of the mirror, emptied for each: making a database takes longer than a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.cluster import Cluster
from tests.conftest import fresh_database
from tests.integration.mirror.small_star import SmallStar, small_star


@pytest.fixture(scope="package")
def databases(stack: Cluster, urls: dict[str, str]) -> Iterator[tuple[str, str]]:
    with (
        fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as staging,
        fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as production,
    ):
        yield staging, production


@pytest.fixture
def star(databases: tuple[str, str]) -> Iterator[SmallStar]:
    with small_star(*databases) as star:
        yield star
