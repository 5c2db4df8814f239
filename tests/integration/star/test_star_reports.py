"""The reports and their files, against a recount of the landed rows by pandas."""

from __future__ import annotations

import csv
import random
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd

from softcart_assets.dbt.loading import load_project
from softcart_assets.exports.reports import export_report, staging_reports
from tests.integration.star.staging import STAR, Staging, day

COUNTRIES = {1: "Spain", 2: "Åland", 3: "south Sudan", 4: "Zambia, East"}
CATEGORIES = {1: "Toys", 2: "Books"}
NUMBERS = {"year", "quarter", "month"}
WITH_LEVELS = {"sales_grouping_sets", "sales_rollup", "sales_cube"}
GROUPS = {
    "sales_by_year_country": [["year", "country"]],
    "sales_by_month_category": [["year", "month", "category"]],
    "sales_by_quarter_country": [["year", "quarter", "country"]],
    "sales_by_category_country": [["category", "country"]],
    "sales_grouping_sets": [["category", "country"], ["category"], ["country"], []],
    "sales_rollup": [["year", "country"], ["year"], []],
    "sales_cube": [["year", "country"], ["year"], ["country"], []],
}
# A report that has no groups here is one that a user added: its file has what its table has.


def fill(warehouse: Staging, chance: random.Random) -> pd.DataFrame:
    """History and shop sales at random, some of them of unknown members; returns what they are by hand."""
    expected = []
    days = {number: date.fromordinal(date(2020, 1, 1).toordinal() + 37 * number) for number in range(1, 20)}
    with warehouse.batch() as batch:
        for dateid, at in days.items():
            batch.put("dim_date", dateid=dateid, date=at, quarter=(at.month + 2) // 3)
        for countryid, country in COUNTRIES.items():
            batch.put("dim_country", countryid=countryid, country=country)
            batch.put("customers", customer_id=countryid, country=country)
        for categoryid, category in CATEGORIES.items():
            batch.put("dim_category", categoryid=categoryid, category=category)
            batch.put("toys", _id=str(categoryid), product_id=categoryid, category=category)
        for number in range(1, 151):
            dateid, country, category = chance.randint(0, 19), chance.randint(0, 4), chance.randint(0, 2)
            price = Decimal(chance.randint(1, 99999)) / 100
            if number % 3:
                batch.put(
                    "fact_sales",
                    orderid=number,
                    dateid=dateid,
                    countryid=country,
                    categoryid=category,
                    amount=price * 2,
                )
            else:
                at = days.get(dateid)
                row = {"product_id": category or None, "customer_id": country or None, "timestamp": at}
                batch.put("sales_data", rowid=number, price=price, quantity=2, **row)
            expected.append(
                {
                    "year": str(days[dateid].year) if dateid else "Unknown",
                    "quarter": str((days[dateid].month + 2) // 3) if dateid else "Unknown",
                    "month": str(days[dateid].month) if dateid else "Unknown",
                    "country": COUNTRIES.get(country, "Unknown"),
                    "category": CATEGORIES.get(category, "Unknown"),
                    "amount": price * 2,
                }
            )
    return pd.DataFrame(expected)


def recount(sales: pd.DataFrame, name: str) -> list[dict[str, str]]:
    """The rows that a report's file must have, in their order."""
    measure = "average_sales" if name == "sales_cube" else "total_sales"
    everything = GROUPS[name][0]
    rows = []
    for columns in GROUPS[name]:
        for group, members in sales.groupby(columns) if columns else [((), sales)]:
            total = sum(members["amount"])
            average = (total / len(members)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            row = dict.fromkeys(everything, "") | dict(zip(columns, group, strict=True))
            level = {"level": ",".join(columns) or "total"} if name in WITH_LEVELS else {}
            value = average if measure == "average_sales" else total
            rows.append({**level, **row, measure: f"{value:.2f}", "sales": str(len(members))})
    return sorted(rows, key=lambda row: [in_order(column, row[column]) for column in everything])


def in_order(column: str, cell: str) -> tuple[int, bytes | int]:
    """Empty cells first; numbers by value, unknown ones last; text by its bytes."""
    if cell == "":
        return (0, 0)
    if column in NUMBERS:
        return (2, 0) if cell == "Unknown" else (1, int(cell))
    return (1, cell.encode())


def test_every_report_equals_a_recount(warehouse: Staging, tmp_path: Path) -> None:
    sales = fill(warehouse, random.Random(1))
    results = warehouse.everything()
    assert {result.status for result in results.values()} <= {"success", "pass"}
    reports = [report for report in staging_reports(load_project()) if report.name in GROUPS]
    assert {report.name for report in reports} == set(GROUPS)
    for report in reports:
        export_report(warehouse.connection, report, tmp_path)
        with (tmp_path / f"{report.name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        if report.name in GROUPS:
            assert rows == recount(sales, report.name), report.name
        else:
            table = f"{report.schema}.{report.name}"
            assert len(rows) == warehouse.value(f"SELECT count(*) FROM {table} WHERE NOT _deleted")
            assert all(list(row) == [column.name for column in report.columns] for row in rows)


def test_months_know_what_came_back_and_their_last_sale(warehouse: Staging) -> None:
    for rowid, number, quantity in ((1, 1, 2), (2, 1, -1), (3, 3, -2), (4, 40, 1)):
        warehouse.put("sales_data", rowid=rowid, price=10, quantity=quantity, timestamp=day(number))
    warehouse.build(*STAR, "sales_by_day", "sales_by_month")

    columns = "month, total_sales, sales, returned, returns, last_sale"
    months = warehouse.rows(f"SELECT {columns} FROM reports.sales_by_month ORDER BY month")
    assert [tuple(month.values()) for month in months] == [
        (day(1).month, -10, 3, 30, 2, day(3).date()),
        (day(40).month, 10, 1, 0, 0, day(40).date()),
    ]


def test_a_report_follows_its_sales_and_keeps_what_did_not_change(warehouse: Staging) -> None:
    for rowid, number in ((1, 1), (2, 400), (3, 800)):
        warehouse.put("sales_data", rowid=rowid, price=10, quantity=1, timestamp=day(number))
    report = "sales_by_year_country"
    built = (*STAR, "sales_by_day", report)
    assert warehouse.build(*built)[report] == {"inserted": 3, "updated": 0, "deleted": 0}
    warehouse.remove("sales_data", 1, day(900))
    warehouse.put("sales_data", rowid=2, price=11, quantity=1, timestamp=day(400))
    assert warehouse.build(*built)[report] == {"inserted": 0, "updated": 1, "deleted": 1}
    assert report not in warehouse.build(*built)


def test_a_file_is_written_once_for_the_same_content(warehouse: Staging, tmp_path: Path) -> None:
    warehouse.put("sales_data", rowid=1, price=10, quantity=1, timestamp=day(1))
    warehouse.build(*STAR, "sales_by_day", "sales_rollup")
    [report] = [report for report in staging_reports(load_project()) if report.name == "sales_rollup"]
    file = tmp_path / "sales_rollup.csv"
    assert export_report(warehouse.connection, report, tmp_path).metadata["changed"] is True
    assert file.read_text().splitlines() == [
        "level,year,country,total_sales,sales",
        "total,,,10.00,1",
        "year,2020,,10.00,1",
        '"year,country",2020,Unknown,10.00,1',
    ]
    before = file.stat()
    assert export_report(warehouse.connection, report, tmp_path).metadata["changed"] is False
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in tmp_path.iterdir()] == ["sales_rollup.csv"]
