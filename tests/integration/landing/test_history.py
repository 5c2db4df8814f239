"""The warehouse's history in staging's raw tables, and production's seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import connection as PostgresConnection

from landing.files import DIM_COUNTRY, DIM_DATE, FACT_SALES, HISTORY_FILES, SALES_SEED
from landing.history import land_history
from landing.result import LandingResult
from landing.seed import seed_production
from landing.spec import FileSpec
from sync.connections.postgresql import connect_postgresql
from tests.integration.landing.killing import Fuse, killed_again_and_again
from tests.integration.landing.reading import quarantine, rows

DATES = "dateid,date,Year,Quarter,QuarterName,Month,Monthname,Day,Weekday,WeekdayName\n"
SALES = "orderid,dateid,countryid,categoryid,amount\n"
SEED = "rowid,product_id,customer_id,price,quantity,timestamp\n"
ROW = "1,10,20,542,2, 2017-11-22 03:53:24\n"

Land = Callable[[FileSpec, str], LandingResult]


@pytest.fixture
def land(warehouse: PostgresConnection, tmp_path: Path) -> Land:
    def land_content(spec: FileSpec, content: str) -> LandingResult:
        (tmp_path / spec.name).write_text(content)
        return land_history(spec, tmp_path, warehouse)

    return land_content


@pytest.fixture
def target(production: str) -> Iterator[PostgresConnection]:
    with closing(connect_postgresql(production)) as connection:
        yield connection


def countries(warehouse: PostgresConnection) -> list[tuple[Any, ...]]:
    return rows(
        warehouse, "SELECT countryid, country, _batch, _deleted FROM raw.dim_country ORDER BY countryid"
    )


def test_without_files_the_raw_tables_are_there_and_empty(
    warehouse: PostgresConnection, tmp_path: Path
) -> None:
    for spec in HISTORY_FILES:
        assert not land_history(spec, tmp_path, warehouse).present
        assert rows(warehouse, f"SELECT _batch, _changed_at, _deleted FROM {spec.target}") == []


def test_days_land_as_they_are_even_where_they_contradict_themselves(
    warehouse: PostgresConnection, land: Land
) -> None:
    land(DIM_DATE, DATES + "1096,2021-12-31,2021,1,Q1,12,December,31,6,Friday\n")
    assert rows(warehouse, "SELECT date::text, quarter, quartername, month FROM raw.dim_date") == [
        ("2021-12-31", 1, "Q1", 12)
    ]


def test_only_what_changed_gets_a_new_batch(warehouse: PostgresConnection, land: Land) -> None:
    land(DIM_COUNTRY, "countryid,country\n1,Chile\n2,Pru\n")
    result = land(DIM_COUNTRY, "countryid,country\n1,Chile\n2,Peru\n3,NA\n")
    assert (result.inserted, result.updated, result.unchanged) == (1, 1, 1)
    assert countries(warehouse) == [(1, "Chile", 1, False), (2, "Peru", 2, False), (3, "NA", 2, False)]


def test_a_file_that_says_the_same_in_other_bytes_draws_no_batch(
    warehouse: PostgresConnection, land: Land
) -> None:
    land(DIM_COUNTRY, "countryid,country\n1,Chile\n2,Peru\n")
    result = land(DIM_COUNTRY, "country,countryid\r\nPeru,2\r\nChile,1")
    assert (result.unchanged, result.inserted, result.updated) == (2, 0, 0)
    assert rows(warehouse, "SELECT last FROM sync.batch") == [(1,)]


def test_what_was_changed_in_the_table_since_is_kept_and_what_was_deleted_stays_away(
    warehouse: PostgresConnection, land: Land
) -> None:
    land(DIM_COUNTRY, "countryid,country\n1,a\n2,a\n3,a\n4,a\n")
    rows(warehouse, "UPDATE raw.dim_country SET country = 'table' WHERE countryid = 1 RETURNING 1")
    rows(warehouse, "UPDATE raw.dim_country SET _deleted = true WHERE countryid = 2 RETURNING 1")
    columns = "countryid, country, _batch, _changed_at, _deleted"
    row = "(5, 'old', 1, now(), true)"
    rows(warehouse, f"INSERT INTO raw.dim_country ({columns}) VALUES {row} RETURNING 1")
    result = land(DIM_COUNTRY, "countryid,country\n1,file\n2,file\n3,file\n5,file\n")
    assert [row[:2] + row[3:] for row in countries(warehouse)] == [
        (1, "table", False), (2, "a", True), (3, "file", False), (4, "a", False), (5, "file", False)
    ]  # fmt: skip
    assert (result.inserted, result.updated) == (1, 1)
    assert (result.conflicts, result.conflict_keys) == (2, ("1", "2"))


def test_a_table_that_was_dropped_is_landed_anew(warehouse: PostgresConnection, land: Land) -> None:
    land(DIM_COUNTRY, "countryid,country\n1,Chile\n")
    warehouse.cursor().execute("DROP SCHEMA raw CASCADE")
    assert land(DIM_COUNTRY, "countryid,country\n1,Chile\n").inserted == 1


def test_rejected_lines_go_to_quarantine_with_their_batch(warehouse: PostgresConnection, land: Land) -> None:
    result = land(FACT_SALES, SALES + "1,1,1,1,5190\n2,1,1,1,12.345\n1,1,1,1,7\n3,1,1,1\n4,1,1,1,0.10\n")
    assert (result.rows_in_file, result.inserted, result.quarantined) == (5, 2, 3)
    assert rows(warehouse, "SELECT orderid, amount::text FROM raw.fact_sales ORDER BY orderid") == [
        (1, "5190.00"),
        (4, "0.10"),
    ]
    assert [(key, reason) for _, key, reason, _ in quarantine(warehouse)] == [
        ("FactSales.csv:3", "amount: '12.345' has more than 2 decimals"),
        ("FactSales.csv:4", "has the same orderid as line 2"),
        ("FactSales.csv:5", "has 4 values where 5 are expected"),
    ]
    assert rows(warehouse, "SELECT DISTINCT batch FROM quarantine.rejected_rows") == [(1,)]


def test_more_lines_than_fit_one_part_all_arrive(warehouse: PostgresConnection, land: Land) -> None:
    lines = [f"{number},1,2,3,{number}.50" for number in range(12_345)]
    assert land(FACT_SALES, SALES + "\n".join(lines)).inserted == 12_345
    assert rows(warehouse, "SELECT count(*), sum(amount)::text FROM raw.fact_sales") == [
        (12_345, "76199512.50")
    ]


def land_countries(fuse: Fuse, folder: Path, staging_url: str) -> None:
    with closing(connect_postgresql(staging_url, cursor_factory=fuse.postgresql())) as connection:
        land_history(DIM_COUNTRY, folder, connection)


def test_a_landing_killed_at_any_step_is_made_good_by_the_next(
    warehouse: PostgresConnection, land: Land, staging: str, tmp_path: Path
) -> None:
    land(DIM_COUNTRY, "countryid,country\n1,a\n2,a\n")
    (tmp_path / DIM_COUNTRY.name).write_text("countryid,country\n1,b\n2,a\n3,a\nx,a\n")

    assert killed_again_and_again(land_countries, tmp_path, staging, stride=2) > 10
    assert [row[:2] for row in countries(warehouse)] == [(1, "b"), (2, "a"), (3, "a")]
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["DimCountry.csv:5"]


def test_production_is_seeded_once(
    warehouse: PostgresConnection, target: PostgresConnection, tmp_path: Path
) -> None:
    (tmp_path / SALES_SEED.name).write_text(SEED + ROW + "2,10,20,,2,\n3,10,20,x,2,2017-11-22 03:53:24\n")
    first = seed_production(tmp_path, target, warehouse)
    rows(target, "DELETE FROM sales.sales_data WHERE rowid = 2 RETURNING 1")
    again = seed_production(tmp_path, target, warehouse)
    assert (first.inserted, first.quarantined) == (2, 1)
    assert (again.inserted, again.unchanged, again.quarantined) == (0, 2, 1)
    assert rows(target, "SELECT rowid, price::text, timestamp::text FROM sales.sales_data") == [
        (1, "542.00", "2017-11-22 03:53:24")
    ]
    assert [key for _, key, _, _ in quarantine(warehouse)] == ["sales.csv:4"]


def test_a_production_table_that_was_dropped_is_seeded_anew(
    warehouse: PostgresConnection, target: PostgresConnection, tmp_path: Path
) -> None:
    (tmp_path / SALES_SEED.name).write_text(SEED + ROW)
    seed_production(tmp_path, target, warehouse)
    target.cursor().execute("DROP TABLE sales.sales_data")
    assert seed_production(tmp_path, target, warehouse).inserted == 1


def test_a_seed_that_changed_afterwards_is_left_out_and_said_so(
    warehouse: PostgresConnection, target: PostgresConnection, tmp_path: Path
) -> None:
    (tmp_path / SALES_SEED.name).write_text(SEED + ROW)
    seed_production(tmp_path, target, warehouse)
    (tmp_path / SALES_SEED.name).write_text(SEED + ROW + "2,10,20,1,2,2017-11-22 03:53:24\n")
    changed = seed_production(tmp_path, target, warehouse)
    again = seed_production(tmp_path, target, warehouse)
    assert (changed.inserted, changed.left_out) == (again.inserted, again.left_out) == (0, 2)
    assert (
        changed.note
        == again.note
        == "sales.csv has changed since it was the seed, which is applied only once"
    )
    assert rows(target, "SELECT count(*) FROM sales.sales_data") == [(1,)]


def test_a_table_with_rows_of_somebody_elses_is_not_seeded(
    warehouse: PostgresConnection, target: PostgresConnection, tmp_path: Path
) -> None:
    seed_production(tmp_path, target, warehouse)
    rows(target, "INSERT INTO sales.sales_data (rowid) VALUES (99) RETURNING 1")
    (tmp_path / SALES_SEED.name).write_text(SEED + ROW)
    result = seed_production(tmp_path, target, warehouse)
    assert (result.inserted, result.left_out) == (0, 1)
    assert "rows that did not come from sales.csv" in result.note
    assert rows(target, "SELECT rowid FROM sales.sales_data") == [(99,)]
