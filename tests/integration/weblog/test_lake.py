"""The parsed log in the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from lake.delta import open_table
from lake.location import Location
from lake.spec import PERIOD
from sync.connections.postgresql import connect_postgresql
from tests.weblog.lines import line
from weblog import requests
from weblog.files import log_files
from weblog.lake import TABLE, Filled, fill
from weblog.requests import Requests
from weblog.state import State
from weblog.traffic import count


class Lake:
    """A log, its reader, and the lake that follows it."""

    def __init__(self, staging: psycopg2.extensions.connection, folder: Path) -> None:
        self._staging = staging
        self._state = State(staging, requests.READER)
        self.landing = folder / "landing"
        self.landing.mkdir()
        self.log = self.landing / "accesslog.txt"
        self.location = Location.parse(str(folder / "lake"))
        self.requests = Requests(self._state, folder / "work")

    def read(self) -> Filled:
        with self._state.held():
            self.requests.read(log_files(self.landing), [])
            return self.fill()

    def fill(self) -> Filled:
        count(self._staging, self.requests)
        return fill(self.requests, self._staging, self.location, "a test")

    def rows(self) -> list[tuple[str, str]]:
        opened = open_table(self.location, TABLE.folder)
        assert opened is not None
        found = opened.to_pyarrow_table(columns=[PERIOD, "address"])
        return sorted(zip(*(column.to_pylist() for column in found.columns), strict=True))


@pytest.fixture
def lake(staging: str, tmp_path: Path) -> Iterator[Lake]:
    with closing(connect_postgresql(staging)) as connection:
        yield Lake(connection, tmp_path)


def on(day: int, *numbers: int) -> str:
    lines = (line(f"198.18.0.{number}", time=f"{day}/May/2015:10:00:00 +0000") for number in numbers)
    return "".join(lines)


def test_only_the_days_with_new_lines_are_written_and_a_day_that_is_gone_goes(lake: Lake) -> None:
    begin = on(17, *[1] * 10)  # by which a log is known again
    lake.log.write_text(begin + on(18, 3) + line("198.18.0.9", time="nonsense"))
    first = lake.read()
    assert (first.rows, first.days) == (12, ("2015-05-17", "2015-05-18", "unknown"))
    with lake.log.open("a") as file:
        file.write(on(18, 4))
    second = lake.read()
    assert second.days == ("2015-05-18",)
    assert lake.rows() == [
        *[("2015-05-17", "198.18.0.1")] * 10,
        ("2015-05-18", "198.18.0.3"),
        ("2015-05-18", "198.18.0.4"),
        ("unknown", "198.18.0.9"),
    ]
    third = lake.read()
    assert (third.days, third.version) == ((), second.version)
    lake.log.write_text(begin + on(17, 5, 5, 5, 5))  # changed where it had been read
    assert set(lake.read().days) == {"2015-05-17", "2015-05-18", "unknown"}
    assert lake.rows() == [*[("2015-05-17", "198.18.0.1")] * 10, *[("2015-05-17", "198.18.0.5")] * 4]


def test_without_a_log_the_table_is_there_and_empty(lake: Lake) -> None:
    assert lake.read().rows == 0
    assert lake.rows() == []
    lake.log.write_text(on(17, 1))
    assert lake.read().days == ("2015-05-17",)
