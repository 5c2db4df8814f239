"""One staging database for all tests of the star: dbt parses its project once for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from softcart_assets.dbt import compiled, runner, warm
from stack.cluster import Cluster
from sync.connections.postgresql import connect_postgresql
from tests.fresh import fresh_database
from tests.integration.star.staging import Staging


@pytest.fixture(scope="session")
def star_database(
    stack: Cluster, urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staging]:
    target = tmp_path_factory.mktemp("target")
    with pytest.MonkeyPatch.context() as patch, fresh_database(stack, urls["SOFTCART_STAGING_URL"]) as url:
        for module in (runner, compiled, warm):
            patch.setattr(module, "target_folder", lambda: target)
        with closing(connect_postgresql(url)) as connection:
            yield Staging(url, connection)


@pytest.fixture
def warehouse(star_database: Staging) -> Staging:
    """Staging with empty tables and nothing built on them."""
    star_database.clear()
    return star_database
