"""The calendar: which days it has, what it says of them, and the sales on days that it has not."""

from __future__ import annotations

from datetime import UTC, date, datetime

from tests.integration.star.staging import STAR, Staging, land_history

DIMENSIONS = tuple(model for model in STAR if model != "fact_sales")
REPORTS = (
    "sales_by_year_country",
    "sales_by_month_category",
    "sales_by_quarter_country",
    "sales_by_category_country",
    "sales_grouping_sets",
    "sales_rollup",
    "sales_cube",
)
OUTSIDE = "sales_are_within_the_calendar"


def calendar(warehouse: Staging) -> tuple[date, date, int]:
    """First and last day, and the number of days."""
    [row] = warehouse.rows(
        "SELECT min(date), max(date), count(*) FROM star.dim_date WHERE NOT _deleted AND date_key <> 0"
    )
    return row["min"], row["max"], row["count"]


def test_the_calendar_covers_whole_years_and_derives_everything_from_the_date(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.put("sales_data", rowid=1, timestamp=datetime(2023, 2, 1))
    warehouse.build("dim_date", "dim_customer", "dim_product", "dim_country", "dim_category")
    days = warehouse.rows("SELECT * FROM star.dim_date WHERE date_key <> 0 ORDER BY date")
    assert (days[0]["date"], days[-1]["date"], len(days)) == (date(2021, 1, 1), date(2023, 12, 31), 3 * 365)
    [contradicted] = [row for row in days if row["date"] == date(2021, 3, 31)]
    assert (contradicted["date_key"], contradicted["quarter"], contradicted["quarter_name"]) == (
        20210331,
        1,
        "Q1",
    )
    assert (contradicted["month_name"], contradicted["weekday"], contradicted["weekday_name"]) == (
        "March", 4, "Wednesday"
    )  # fmt: skip


def test_what_the_landed_calendar_says_against_its_dates_is_a_warning_that_names_the_days(
    warehouse: Staging,
) -> None:
    land_history(warehouse)
    result = warehouse.dbt("dim_date", "calendar_contradictions")["calendar_contradictions"]
    assert (result.status, result.failures) == ("warn", 1)
    assert warehouse.rows(result.sql) == [
        {"dateid": 1, "date": date(2021, 3, 31), "contradiction": "quarter 2"}
    ]


def test_a_sale_far_from_all_others_is_on_the_unknown_date_and_a_warning(warehouse: Staging) -> None:
    dates = (datetime(2024, 5, 1), datetime(9999, 12, 31), datetime(1000, 1, 1), None)
    for rowid, timestamp in enumerate(dates, start=1):
        warehouse.put("sales_data", rowid=rowid, price=rowid, quantity=1, timestamp=timestamp)
    results = warehouse.everything()
    assert calendar(warehouse) == (date(2024, 1, 1), date(2024, 12, 31), 366)
    facts = warehouse.rows("SELECT date_key FROM star.fact_sales ORDER BY source_id")
    assert [row["date_key"] for row in facts] == [20240501, 0, 0, 0]
    assert (results[OUTSIDE].status, results[OUTSIDE].failures) == ("warn", 2)
    assert warehouse.rows(results[OUTSIDE].sql) == [
        {"rowid": 3, "timestamp": datetime(1000, 1, 1)},
        {"rowid": 2, "timestamp": datetime(9999, 12, 31)},
    ]
    assert {result.status for name, result in results.items() if name != OUTSIDE} == {"success", "pass"}
    for report in ("sales_by_year_country", "sales_by_month_category", "sales_by_quarter_country"):
        assert warehouse.value(f"SELECT sum(total_sales) FROM reports.{report}") == 10
    assert warehouse.value("SELECT total_sales FROM reports.sales_rollup WHERE level = 'total'") == 10


def test_a_sale_whose_date_is_corrected_gets_its_day(warehouse: Staging) -> None:
    warehouse.put("sales_data", rowid=1, price=1, quantity=1, timestamp=datetime(9999, 12, 31))
    warehouse.build()
    assert calendar(warehouse)[2] == 0
    warehouse.put("sales_data", rowid=1, price=1, quantity=1, timestamp=datetime(2024, 2, 29))
    warehouse.build(*STAR, OUTSIDE)
    assert warehouse.value("SELECT date_key FROM star.fact_sales") == 20240229


def test_a_landed_day_far_from_all_others_is_a_member_and_stretches_nothing(warehouse: Staging) -> None:
    land_history(warehouse)
    warehouse.put("dim_date", dateid=99, date=date(9999, 12, 31))
    warehouse.put("dim_date", dateid=98, date=date(1000, 1, 1))
    warehouse.put("dim_date", dateid=97, date=date(1000, 1, 1))
    warehouse.build(*STAR, OUTSIDE)
    assert calendar(warehouse) == (date(1000, 1, 1), date(9999, 12, 31), 365 + 2)
    assert warehouse.value("SELECT date_key FROM star.fact_sales WHERE source_id = 3") == 99991231
    warehouse.remove("dim_date", 99, datetime(2024, 1, 1, tzinfo=UTC))
    warehouse.build(*STAR, OUTSIDE)
    assert warehouse.value("SELECT date_key FROM star.fact_sales WHERE source_id = 3") == 0
