"""What visitors searched for, in staging's raw table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2.extensions import connection as PostgresConnection

from landing.files import SEARCH_TERMS
from landing.result import LandingResult
from landing.search_terms import land_search_terms
from sync.connections.postgresql import connect_postgresql
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import quarantine, rows

HEADER = "day,month,year,searchterm\n"
ALL = "SELECT day, month, year, searchterm, occurrence, _batch, _deleted FROM raw.search_terms ORDER BY 4, 5"

Land = Callable[[str], LandingResult]


@pytest.fixture
def land(warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_content(content: str) -> LandingResult:
        (tmp_path / SEARCH_TERMS.name).write_text(content, encoding="utf-8-sig")
        return land_search_terms(tmp_path, warehouse)

    return land_content


def test_without_a_file_the_table_is_there_and_empty(warehouse: PostgresConnection, tmp_path: Path) -> None:
    assert not land_search_terms(tmp_path, warehouse).present
    assert rows(warehouse, ALL) == []


def test_equal_lines_land_as_often_as_they_are_there_and_a_grown_file_adds_what_is_new(
    warehouse: PostgresConnection, land: Land
) -> None:
    lines = "1,2,2024,laptop\n1,2,2024, laptop \n1,2,2024,NA\n"
    assert land(HEADER + lines).inserted == 3
    assert land(HEADER + lines).unchanged == 3
    grown = land(HEADER + "1,2,2024,laptop\n" + lines + "2,2,2024,laptop\n")
    assert (grown.inserted, grown.unchanged) == (2, 3)
    assert rows(warehouse, ALL) == [
        (1, 2, 2024, "NA", 1, 1, False),
        (1, 2, 2024, "laptop", 1, 1, False),
        (2, 2, 2024, "laptop", 1, 2, False),
        (1, 2, 2024, "laptop", 2, 1, False),
        (1, 2, 2024, "laptop", 3, 2, False),
    ]


def test_a_search_that_was_marked_as_deleted_stays_away_and_a_line_that_vanished_deletes_nothing(
    warehouse: PostgresConnection, land: Land
) -> None:
    land(HEADER + "1,2,2024,laptop\n1,2,2024,tent\n")
    rows(warehouse, "UPDATE raw.search_terms SET _deleted = true WHERE searchterm = 'tent' RETURNING 1")
    assert land(HEADER + "1,2,2024,tent\n3,2,2024,bicycle\n").inserted == 1
    assert [(row[3], row[6]) for row in rows(warehouse, ALL)] == [
        ("bicycle", False),
        ("laptop", False),
        ("tent", True),
    ]


def test_a_day_that_no_calendar_has_goes_to_quarantine(warehouse: PostgresConnection, land: Land) -> None:
    result = land(HEADER + "30,2,2024,laptop\n1,13,2024,laptop\nx,1,2024,laptop\n1,1,2024,\n29,2,2024,ok\n")
    assert (result.inserted, result.quarantined) == (1, 4)
    assert [(key, reason) for _, key, reason, _ in quarantine(warehouse)] == [
        ("searchterms.csv:2", "day 30, month 2, year 2024 is no date: day is out of range for month"),
        ("searchterms.csv:3", "day 1, month 13, year 2024 is no date: month must be in 1..12"),
        ("searchterms.csv:4", "day: 'x' is not a whole number"),
        ("searchterms.csv:5", "searchterm: it is empty"),
    ]


def test_a_table_that_was_dropped_is_landed_anew(warehouse: PostgresConnection, land: Land) -> None:
    land(HEADER + "1,2,2024,laptop\n")
    warehouse.cursor().execute("DROP TABLE raw.search_terms")
    assert land(HEADER + "1,2,2024,laptop\n").inserted == 1


def land_terms(fuse: Fuse, folder: Path, staging_url: str) -> None:
    with closing(connect_postgresql(staging_url, cursor_factory=fuse.postgresql())) as connection:
        land_search_terms(folder, connection)


def test_a_landing_killed_at_any_step_is_made_good_by_the_next(
    warehouse: PostgresConnection, land: Land, staging: str, tmp_path: Path
) -> None:
    land(HEADER + "1,2,2024,a\n1,2,2024,a\n")
    (tmp_path / SEARCH_TERMS.name).write_text(HEADER + "1,2,2024,a\n1,2,2024,b\n1,2,2024,a\n1,2,2024,a\n")
    assert killed_again_and_again(land_terms, tmp_path, staging, stride=2) > 5
    assert rows(warehouse, "SELECT searchterm, count(*) FROM raw.search_terms GROUP BY 1 ORDER BY 1") == [
        ("a", 3),
        ("b", 1),
    ]
