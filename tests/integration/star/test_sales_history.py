"""The sales history and what its checks say of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.integration.star.staging import Staging

MODEL = "sales_history"
DAYS, BY_MONTH = "sales_history_days", "sales_history_by_month"


def land(warehouse: Staging, volumes: dict[date, int], **attributes: Any) -> None:
    """So many sales on each day."""
    with warehouse.batch() as batch:
        batch.cursor.execute("SELECT coalesce(max(sale_id), 0) FROM raw.sales_history")
        sale_id = batch.cursor.fetchone()[0]
        for day, sales in volumes.items():
            for _ in range(sales):
                sale_id += 1
                quarter = attributes.get("quarter", (day.month + 2) // 3)
                batch.put(
                    MODEL, sale_id=sale_id, day=day.day, month=day.month, quarter=quarter, year=day.year,
                    date=day, category="Music", item="Pop", price=15,
                )  # fmt: skip


def flat(first: date, days: int, sales: int = 12) -> dict[date, int]:
    return {first + timedelta(number): sales + number % 3 for number in range(days)}


def named(warehouse: Staging, check: str) -> list[tuple[Any, ...]]:
    result = warehouse.dbt(MODEL, DAYS, check)[check]
    assert result.status == ("warn" if result.failures else "pass")
    return [tuple(row.values()) for row in warehouse.rows(result.sql)]


def test_attributes_are_those_of_the_date_and_a_deleted_line_is_a_tombstone(warehouse: Staging) -> None:
    land(warehouse, {date(2020, 12, 31): 2}, quarter=1)
    warehouse.build(MODEL)
    warehouse.remove(MODEL, 1, at=warehouse.value("SELECT now()"))
    assert warehouse.build(MODEL) == {MODEL: {"inserted": 0, "updated": 0, "deleted": 1}}
    assert warehouse.rows("SELECT sale_id, year, quarter, month, day, _deleted FROM sales.sales_history") == [
        {"sale_id": 2, "year": 2020, "quarter": 4, "month": 12, "day": 31, "_deleted": False},
        {"sale_id": 1, "year": 2020, "quarter": 4, "month": 12, "day": 31, "_deleted": True},
    ]


def test_contradictions_are_named_by_day(warehouse: Staging) -> None:
    land(warehouse, {date(2020, 5, 1): 1})
    land(warehouse, {date(2020, 5, 2): 3, date(9999, 1, 1): 1}, quarter=1)
    results = list(warehouse.dbt(MODEL, "sales_history_contradictions"))
    assert results == [MODEL, "sales_history_contradictions"]  # or it would look at the build before
    assert named(warehouse, "sales_history_contradictions") == [
        (date(2020, 5, 2), "quarter 1", 3, 2),
        (date(9999, 1, 1), "a year that the calendar does not have", 1, 5),
    ]


def test_missing_days_are_named(warehouse: Staging) -> None:
    volumes = flat(date(2020, 1, 30), 40)
    for day in (date(2020, 2, 1), date(2020, 2, 2), date(2020, 2, 29)):
        del volumes[day]
    land(warehouse, {**volumes, date(9999, 1, 1): 1})
    assert named(warehouse, "sales_history_gaps") == [
        (date(2020, 2, 1),), (date(2020, 2, 2),), (date(2020, 2, 29),)
    ]  # fmt: skip


def test_days_that_break_from_their_neighbours_are_named_and_a_season_is_none(warehouse: Staging) -> None:
    volumes = {**flat(date(2020, 1, 1), 60), **flat(date(2020, 3, 1), 60, sales=30)}
    volumes |= {date(2020, 1, 1): 40, date(2020, 2, 10): 1, date(2020, 4, 1): 90}
    land(warehouse, volumes)
    assert named(warehouse, "sales_history_breaks") == [
        (date(2020, 1, 1), 40, 13.0), (date(2020, 2, 10), 1, 13.0), (date(2020, 4, 1), 90, 31.0)
    ]  # fmt: skip


def test_days_that_are_all_alike_but_one_and_too_few_days_are_told_apart(warehouse: Staging) -> None:
    land(
        warehouse,
        dict.fromkeys((date(2020, 1, 1) + timedelta(n) for n in range(20)), 10) | {date(2020, 1, 9): 40},
    )
    land(warehouse, {date(2021, 1, 1): 1, date(2021, 1, 2): 90})
    assert [row[0] for row in named(warehouse, "sales_history_breaks")] == [date(2020, 1, 9)]


def test_days_and_months_follow_lines_that_come_and_go(warehouse: Staging) -> None:
    def counted(table: str, columns: str) -> list[dict[str, Any]]:
        return warehouse.rows(
            f"SELECT {columns}, sales FROM {table} WHERE NOT _deleted ORDER BY {columns.split(', ')[0]}"
        )

    built, adds_up = (MODEL, DAYS, BY_MONTH), "history_days_add_up"
    land(warehouse, {date(2020, 1, 31): 3, date(2020, 2, 1): 1, date(2020, 2, 29): 2})
    assert warehouse.dbt(*built, adds_up)[adds_up].status == "pass"
    assert counted("reports.sales_history_by_month", "month, quarter, category, item, total_sales") == [
        {"month": 1, "quarter": 1, "category": "Music", "item": "Pop", "total_sales": 45, "sales": 3},
        {"month": 2, "quarter": 1, "category": "Music", "item": "Pop", "total_sales": 45, "sales": 3},
    ]

    for sale_id in (1, 4):
        warehouse.remove(MODEL, sale_id, at=warehouse.value("SELECT now()"))
    assert warehouse.dbt(*built, adds_up)[adds_up].status == "pass"
    assert counted("aggregates.sales_history_days", "date") == [
        {"date": date(2020, 1, 31), "sales": 2},
        {"date": date(2020, 2, 29), "sales": 2},
    ]
    assert [row["sales"] for row in counted("reports.sales_history_by_month", "month")] == [2, 2]
    assert not warehouse.build(*built)

    with warehouse.connection, warehouse.connection.cursor() as cursor:
        cursor.execute("UPDATE aggregates.sales_history_days SET sales = 9 WHERE date = '2020-02-29'")
    assert warehouse.dbt(adds_up)[adds_up].status == "fail"
