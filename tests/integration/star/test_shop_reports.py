"""The reports on the stock, the catalog and the web log, row by row."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from psycopg2.extras import Json

from softcart_assets.dbt.loading import load_project
from softcart_assets.exports.reports import export_report, staging_reports
from tests.integration.star.staging import Staging

CATALOG = ("catalog_by_type", "catalog_by_screen_size")


def exported(warehouse: Staging, name: str, folder: Path) -> list[list[str]]:
    """The lines of a report's file below its header."""
    report = next(report for report in staging_reports(load_project()) if report.name == name)
    export_report(warehouse.connection, report, folder)
    with (folder / f"{name}.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


def put_documents(warehouse: Staging, collection: str, *documents: dict[str, Any]) -> None:
    with warehouse.batch() as batch:
        for number, document in enumerate(documents):
            batch.put(collection, _id=f"{number}", type=document.get("type"), document=Json(document))


def test_the_catalogs_questions_have_their_answers_whatever_a_number_or_a_key_is(
    warehouse: Staging, tmp_path: Path
) -> None:
    put_documents(
        warehouse,
        "electronics",
        *({"type": "laptop", "screen size": 15} for _ in range(3)),
        {"type": "laptop"},
        {"type": "smart phone", "screen size": 6},
        {"type": "smart phone", "screen size": 6.0},
        {"type": "smart phone", "screen.size": {"$numberDecimal": "6.00"}},
        {"type": "smart phone", "screen_size": {"$numberLong": "5"}},
        {"type": "smart phone", "screen size": "large"},
        {"model": "nameless"},
    )
    put_documents(warehouse, "books", {"type": "novel", "pages": 300})
    warehouse.build("dim_date", *CATALOG, "catalog_documents_are_counted")
    assert exported(warehouse, "catalog_by_type", tmp_path) == [
        ["laptop", "4", "15"], ["novel", "1", ""], ["smart phone", "5", "5.75"], ["Unknown", "1", ""]
    ]  # fmt: skip
    assert exported(warehouse, "catalog_by_screen_size", tmp_path) == [
        ["laptop", "15", "3"],
        ["laptop", "Unknown", "1"],
        ["novel", "Unknown", "1"],
        ["smart phone", "5", "1"],
        ["smart phone", "6", "3"],
        ["smart phone", "Unknown", "1"],
        ["Unknown", "Unknown", "1"],
    ]


def test_the_stock_lasts_as_long_as_it_did_in_the_four_weeks_up_to_the_newest_sale(
    warehouse: Staging, tmp_path: Path
) -> None:
    with warehouse.batch() as batch:
        batch.put("toys", _id="1", product_id=1, model="Bear", category="Toys")
        batch.put("inventory", product_id=1, quantity=10, reorder_level=20)
        batch.put("inventory", product_id=2, quantity=20, reorder_level=20)
        for rowid, (product, quantity, sold_at) in enumerate(
            (
                (1, 30, datetime(2024, 5, 3)),  # 28 days before the newest: outside
                (1, 9, datetime(2024, 5, 4)),
                (1, -2, datetime(2024, 5, 31, 23, 59)),
                (2, 5, datetime(9999, 1, 1)),  # no day of the calendar
                (3, 5, datetime(2024, 5, 31)),
            )
        ):
            batch.put("sales_data", rowid=rowid, product_id=product, quantity=quantity, timestamp=sold_at)
    warehouse.build("dim_date", "dim_product", "stock")
    assert exported(warehouse, "stock", tmp_path) == [
        ["1", "Bear", "Toys", "10", "20", "7", "40.0", "t"], ["2", "", "Unknown", "20", "20", "0", "", "f"]
    ]  # fmt: skip


def test_web_traffic_has_its_shares_and_a_line_without_a_day_is_of_the_unknown_one(
    warehouse: Staging, tmp_path: Path
) -> None:
    warehouse.execute(
        "INSERT INTO weblog.hours VALUES (%s, 10, 7, 3, 2, 1, 1, 4000, 1, 0, 2, 1, 1, %s),"
        " (NULL, NULL, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, %s)",
        (date(2015, 5, 17), datetime.now(UTC), datetime.now(UTC)),
    )
    warehouse.execute("SELECT sync.next_batch()")
    warehouse.build("dim_date", "web_traffic")
    assert warehouse.value("SELECT phone_share FROM reports.web_traffic WHERE hour = 10") == Decimal("0.25")
    assert exported(warehouse, "web_traffic", tmp_path) == [
        ["2015-05-17", "10", "7", "3", "2", "1", "1", "4000", "0.2500", "0.0000", "0.5000", "0.2500"],
        ["Unknown", "Unknown", "1", "1", "0", "1", "0", "0", "", "", "", ""],
    ]
