"""A lake in each of the places where it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg2.extensions import connection as Connection

from lake.delta import open_table
from lake.fill import Filled, fill
from lake.location import Location
from lake.spec import LakeTable
from stack.cluster import Cluster
from stack.lake import KINDS, variables
from sync.connections.postgresql import connect_postgresql
from sync.state import prepare

Rows = list[tuple[Any, ...]]


@pytest.fixture
def warehouse(staging: str) -> Iterator[Connection]:
    with closing(connect_postgresql(staging)) as connection:
        prepare(connection)
        yield connection


@pytest.fixture(params=["disk", "s3", pytest.param("hdfs", marks=pytest.mark.extended)])
def lake(
    request: pytest.FixtureRequest, tmp_path: Path, stack: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Location:
    """An empty place for a lake; HDFS comes from Maven Central."""
    if request.param == "disk":
        return Location.parse(str(tmp_path / "lake"))
    root = lake_server(stack, request.param, monkeypatch)
    return Location.parse(f"{root}/{uuid4().hex}")


def lake_server(stack: Cluster, kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start the servers of a kind of lake, once a session; their root, and their settings in `os.environ`.

    `stack` stops them with its own.
    """
    with stack.home.locked():
        for server in KINDS[kind]:
            server(stack.home).start(stack.ports, lambda line: None)
    settings = variables(stack.home, stack.ports, {"LAKE": kind})
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings["SOFTCART_LAKE"]


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
