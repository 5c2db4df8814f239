"""Two databases for all tests of the mirror, emptied for each: making a database takes longer than a test."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from stack.cluster import Cluster
from tests.fresh import fresh_database
from tests.integration.mirror.small_star import SmallStar, emptied


@pytest.fixture(scope="package")
def databases(stack: Cluster, urls: dict[str, str]) -> Iterator[tuple[str, str]]:
    with (
        fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as staging,
        fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as production,
    ):
        yield staging, production


@pytest.fixture
def bare(databases: tuple[str, str]) -> Iterator[SmallStar]:
    """Staging and production without a table."""
    with emptied(*databases) as star:
        yield star


@pytest.fixture
def star(bare: SmallStar) -> SmallStar:
    """The small star, built in staging and not mirrored yet."""
    bare.build()
    return bare


@pytest.fixture
def bi_url(urls: dict[str, str], databases: tuple[str, str]) -> str:
    """The readers' login to the mirrored production."""
    return urlunsplit(urlsplit(urls["SOFTCART_BI_URL"])._replace(path=urlsplit(databases[1]).path))
