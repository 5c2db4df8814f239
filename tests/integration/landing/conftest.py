"""What the tests of landing share: a connection to staging, and how they read rows back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2.extensions import connection as PostgresConnection

from sync.connections.postgresql import connect_postgresql


@pytest.fixture
def warehouse(staging: str) -> Iterator[PostgresConnection]:
    """A connection to a fresh staging database."""
    with closing(connect_postgresql(staging)) as connection:
        yield connection
