"""Fixtures of the tests on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from stack.cluster import Cluster
from sync.sources.postgresql import PostgreSQLSource
from tests.conftest import fresh_database
from tests.integration.postgresql_support import Databases


@pytest.fixture
def databases(stack: Cluster, urls: dict[str, str], staging: str) -> Iterator[Databases]:
    """A database beside the staging one, as a source."""
    with (
        fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url,
        closing(PostgreSQLSource(url)) as source,
    ):
        yield Databases(source, staging, url)
