"""The sales history, a file whose lines have no key, in staging's raw table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as PostgresConnection

from landing.result import LandingError, LandingResult
from landing.sales_history import land_sales_history
from sync.connections.postgresql import connect_postgresql
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import quarantine, rows

HEADER = "day,month,quarter,year,category,item,price\n"
LIVE = "SELECT sale_id, date::text, item, price::text FROM raw.sales_history WHERE NOT _deleted ORDER BY 1"

Land = Callable[[str], LandingResult]


@pytest.fixture
def land(warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_content(content: str) -> LandingResult:
        (tmp_path / "ecommerce.csv").write_text(content)
        return land_sales_history(tmp_path, warehouse)

    return land_content


def live(warehouse: PostgresConnection) -> list[tuple[Any, ...]]:
    return rows(warehouse, LIVE)


def test_without_a_file_the_table_is_there_and_empty(warehouse: PostgresConnection, tmp_path: Path) -> None:
    result = land_sales_history(tmp_path, warehouse)
    assert (result.present, result.landed) == (False, 0)
    assert live(warehouse) == []


def test_lines_that_repeat_are_sales_that_repeat(warehouse: PostgresConnection, land: Land) -> None:
    result = land(HEADER + "1,2,1,2020,Music,Pop,15\n" * 3 + "29,2,1,2020,Music,NA,15.5\n")
    assert (result.rows_in_file, result.inserted) == (4, 4)
    assert live(warehouse) == [
        (1, "2020-02-01", "Pop", "15.00"),
        (2, "2020-02-01", "Pop", "15.00"),
        (3, "2020-02-01", "Pop", "15.00"),
        (4, "2020-02-29", "NA", "15.50"),
    ]


def test_the_table_follows_the_file_line_by_line_and_writes_only_what_changed(
    warehouse: PostgresConnection, land: Land
) -> None:
    pop, jazz, rock = ("1,2,1,2020,Music,Pop,15\n", "1,2,1,2020,Music,Jazz,9\n", "1,2,,2020,Music,Rock,9\n")
    land(HEADER + pop + pop + jazz + rock)
    result = land(HEADER + rock + pop + jazz + jazz)
    assert (result.inserted, result.unchanged) == (1, 3)
    assert result.note == "1 rows that ecommerce.csv no longer has are marked as deleted"
    assert [(sale, item) for sale, _, item, _ in live(warehouse)] == [
        (1, "Pop"), (3, "Jazz"), (4, "Rock"), (5, "Jazz")
    ]  # fmt: skip
    assert rows(warehouse, "SELECT sale_id, _batch FROM raw.sales_history WHERE _batch > 1 ORDER BY 1") == [
        (2, 2), (5, 2)
    ]  # fmt: skip
    again = land(HEADER + jazz + rock + pop + jazz)
    assert (again.inserted, again.unchanged) == (0, 4)
    assert rows(warehouse, "SELECT last FROM sync.batch") == [(2,)]


def test_a_contradicting_quarter_lands_and_a_day_that_is_no_date_goes_to_quarantine(
    warehouse: PostgresConnection, land: Land
) -> None:
    result = land(
        HEADER
        + "31,12,1,2020,Music,Pop,15\n30,2,1,2020,Music,Pop,15\n1,13,1,2020,Music,Pop,15\n"
        + "1,1,1,99999999999,Music,Pop,15\n1,1,1,20200,Music,Pop,15\n1,1,1,2020,Music,Pop,free\n"
    )
    assert (result.inserted, result.quarantined) == (1, 5)
    assert rows(warehouse, "SELECT quarter, date::text FROM raw.sales_history") == [(1, "2020-12-31")]
    assert [(key, reason) for _, key, reason, _ in quarantine(warehouse)] == [
        ("ecommerce.csv:3", "day 30 of month 2 of year 2020 is no date"),
        ("ecommerce.csv:4", "day 1 of month 13 of year 2020 is no date"),
        ("ecommerce.csv:5", "year: '99999999999' is out of range: it needs more than 32 bits"),
        ("ecommerce.csv:6", "day 1 of month 1 of year 20200 is no date"),
        ("ecommerce.csv:7", "price: 'free' is not a decimal number"),
    ]


def test_a_file_with_other_columns_is_refused_by_what_it_lacks(land: Land) -> None:
    with pytest.raises(LandingError, match=r"ecommerce.csv: it lacks column item, price"):
        land("day,month,quarter,year,category\n1,1,1,2020,Music\n")


def test_a_table_that_was_dropped_is_landed_anew(warehouse: PostgresConnection, land: Land) -> None:
    land(HEADER + "1,2,1,2020,Music,Pop,15\n")
    warehouse.cursor().execute("DROP SCHEMA raw CASCADE")
    assert land(HEADER + "1,2,1,2020,Music,Pop,15\n").inserted == 1
    assert len(live(warehouse)) == 1


def land_in_process(fuse: Fuse, folder: Path, staging_url: str) -> None:
    with closing(connect_postgresql(staging_url, cursor_factory=fuse.postgresql())) as connection:
        land_sales_history(folder, connection)


def test_a_landing_killed_at_any_step_is_made_good_by_the_next(
    warehouse: PostgresConnection, land: Land, staging: str, tmp_path: Path
) -> None:
    land(HEADER + "1,2,1,2020,Music,Pop,15\n1,2,1,2020,Music,Jazz,9\n")
    (tmp_path / "ecommerce.csv").write_text(
        HEADER + "1,2,1,2020,Music,Pop,15\n" * 2 + "x,2,1,2020,Music,Pop,1\n"
    )

    assert killed_again_and_again(land_in_process, tmp_path, staging, stride=2) > 5
    assert [item for _, _, item, _ in live(warehouse)] == ["Pop", "Pop"]
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["ecommerce.csv:4"]
