"""A lake in each of the places where it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

from lake.delta import open_table
from lake.fill import Filled, fill
from lake.location import Location
from lake.spec import LakeTable
from sync.connections import connect_postgresql
from sync.state import prepare

Rows = list[tuple[Any, ...]]


@pytest.fixture
def warehouse(staging: str) -> Iterator[Connection]:
    with closing(connect_postgresql(staging)) as connection:
        prepare(connection)
        yield connection


@pytest.fixture(params=["disk"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    return Location.parse(str(tmp_path / "lake"))


@pytest.fixture
def filled(staging: str, lake: Location) -> Callable[[LakeTable], Filled]:
    """One pass over a table."""

    def run(table: LakeTable) -> Filled:
        with closing(connect_postgresql(staging)) as connection:
            return fill(table, connection, lake, "a test")

    return run


def rows_in(lake: Location, table: LakeTable, *columns: str) -> Rows:
    """The lake's rows, sorted."""
    opened = open_table(lake, table.folder)
    assert opened is not None
    found = opened.to_pyarrow_table(columns=list(columns))
    return sorted(zip(*(column.to_pylist() for column in found.columns), strict=True))
