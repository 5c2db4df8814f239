"""The dashboard in a real browser, over a real production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from dashboard import TableStatus, collect, draw
from dashboard.panel import Kind, short, written
from dashboard.panels import SECTIONS
from dashboard.reading import read_panel
from stack.cluster import Cluster
from sync.connections.postgresql import connect_postgresql
from tests.fresh import fresh_database
from tests.integration.dashboard import warehouse
from tests.integration.dashboard.browser import LOOKS, browser, visit

HOSTILE = "</script><img src=x onerror=alert(1)> \"'&"
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "bi.sales_by_month": [
        (year, month, Decimal(f"{year * month}.05"), 2 * month, *back, date(year, month, 14))
        for year in (2024, 2025, 2026)
        for month in range(1, 13 if year < 2026 else 4)
        for back in [(Decimal("7.25"), 1) if (year, month) == (2025, 1) else (Decimal(0), 0)]
    ]
    + [(None, None, Decimal("-1.00"), 1, Decimal("1.00"), 1, None)],
    "bi.sales_by_category_country": [
        ("Books", "Chad", Decimal("12345678.90"), 7),
        (HOSTILE, "Chad", Decimal("-5.00"), 1),
    ],
    "bi.total_sales_per_country": [
        (f"Country {number}", Decimal(number * 1000), number) for number in range(1, 15)
    ],
    "bi.product_trend": [
        (1, HOSTILE, "Books", Decimal("10.00"), Decimal("900.00")),
        (2, "Lamp", "Books", Decimal("1234.50"), Decimal("0.00")),
        (3, "Lamp", "Books", Decimal("5.50"), Decimal("70.00")),
        (4, None, None, Decimal("2.00"), Decimal("3.00")),
    ],
    "bi.stock": [
        (1, HOSTILE, "Books", 3, 5, 84, Decimal("1.0")),
        (2, "Lamp", "Books", 40, 5, 60, Decimal("18.7")),
        (3, "Lamp", "Books", 40, 5, 1, Decimal("1120.0")),
        (4, None, None, 0, 5, 0, None),
    ],
    "bi.sales_forecast": [
        (
            f"2026-{month:02}",
            category,
            Decimal(month * 100),
            Decimal(month * 90),
            Decimal(month * 115),
            HOSTILE,
        )
        for month in range(3, 13)
        for category in ("total", "Books")
    ]
    + [("2023", "total", Decimal("175.16564294006457"), None, None, "pretrained")],
    "bi.web_traffic": [
        (date(2026, 3, day), hour, 100, 20, 3, Decimal("0.25"), Decimal("0.05"), Decimal("0.7"))
        for day in range(1, 8)
        for hour in (9, 21)
    ]
    + [(None, None, 4, 4, 4, None, None, None)],
    "bi.sales_history_by_month": [
        (2020, (month + 2) // 3, month, category, item, Decimal(f"{month}.5"), month)
        for month in range(1, 13)
        for category, item in (("Electronics", "Mobile"), ("Music", HOSTILE))
    ],
}
TABLES = [
    TableStatus("raw.sales_data", 20, changed_at=datetime(2026, 3, 14, 15, 9, 26)),
    TableStatus("star.fact_sales", 80, production=79),
    TableStatus(f"raw.{HOSTILE}", 5, quarantined=2),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def url(stack: Cluster, urls: dict[str, str]) -> Iterator[str]:
    with fresh_database(stack, urls["SOFTCART_PRODUCTION_URL"]) as fresh:
        warehouse.make(fresh, ROWS)
        yield fresh


@pytest.fixture(scope="module")
def file(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "dashboard.html"
    path.write_bytes(draw(collect(partial(warehouse.read, url), TABLES)))
    return path


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_it_opens_without_network_without_complaint_and_within_the_window(
    chromium: Browser, file: Path, width: int, scheme: str
) -> None:
    with visit(chromium, file, width, scheme) as seen:
        seen.page.wait_for_selector("html[data-interactive]")
        assert seen.requests == [file.as_uri()]
        assert seen.complaints == []
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_it_has_no_violation_of_accessibility_rules(
    chromium: Browser, file: Path, width: int, scheme: str
) -> None:
    with visit(chromium, file, width, scheme) as seen:
        seen.page.wait_for_selector("html[data-interactive]")
        seen.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()


def test_every_chart_is_drawn_with_scripts_off_too(chromium: Browser, file: Path) -> None:
    for scripts in (True, False):
        with visit(chromium, file, 1200, "light", scripts) as seen:
            if scripts:
                seen.page.wait_for_selector("html[data-interactive]")
            for section in SECTIONS:
                for panel in section.panels:
                    shown = seen.page.locator(f"#{panel.name} figure:visible svg")
                    assert shown.count() == 1, panel.name
                    assert shown.locator("path, line, rect").count() > 2, panel.name


def test_every_number_is_the_warehouses(chromium: Browser, file: Path, url: str) -> None:
    read = partial(warehouse.read, url)
    with visit(chromium, file, 1200, "light") as seen:
        for section in SECTIONS:
            for panel in section.panels:
                rows = panel.prepare(read_panel(read, panel))
                expected = [
                    [written(row[column.name], column.kind) for column in panel.columns] for row in rows
                ]
                cells = seen.page.locator(f"#{panel.name} tbody tr").evaluate_all(
                    "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
                )
                assert cells == expected, panel.name
                assert cells, panel.name


def test_names_from_the_catalog_are_text(chromium: Browser, file: Path) -> None:
    with visit(chromium, file, 1200, "light") as seen:
        seen.page.wait_for_selector("html[data-interactive]")
        assert seen.complaints == []
        assert seen.page.locator("img").count() == 0
        assert HOSTILE in (seen.page.locator("#falling_products tbody").text_content() or "")
        assert HOSTILE in (seen.page.locator("#tables").text_content() or "")


def test_the_same_data_give_the_same_bytes_and_are_known_again(url: str) -> None:
    read = partial(warehouse.read, url)
    first, second = collect(read, TABLES), collect(read, TABLES)
    page = draw(first)
    assert page == draw(second)
    assert second.are_drawn_in(page)
    assert not collect(read, TABLES[1:]).are_drawn_in(page)
    assert not collect(read, TABLES, interactive=False).are_drawn_in(page)


def test_it_is_small(url: str) -> None:
    read = partial(warehouse.read, url)
    assert len(draw(collect(read, TABLES))) < 1_100_000
    assert len(draw(collect(read, TABLES, interactive=False))) < 200_000


def test_a_chart_without_data_says_why(production: str) -> None:
    warehouse.make(production, {})
    contents = collect(partial(warehouse.read, production))
    page = draw(contents).decode()
    for section in SECTIONS:
        for panel in section.panels:
            assert panel.name in contents.empty
            assert panel.empty in page
    assert "<figure" not in page


def test_a_view_that_production_does_not_have_yet_leaves_the_others_as_they_are(production: str) -> None:
    warehouse.make(production, ROWS)
    with closing(connect_postgresql(production)) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE bi.sales_forecast")
    contents = collect(partial(warehouse.read, production), absent={"bi.sales_forecast"})
    assert contents.empty == ["sales_forecast"]


def test_a_month_that_is_still_going_on_is_left_out(url: str) -> None:
    contents = collect(partial(warehouse.read, url))
    rows = {panel.name: rows for _, panels in contents.sections for panel, rows in panels}
    months = [(row["year"], row["month"]) for row in rows["sales_against_last_year"]]
    assert months == [*((2025, month) for month in range(1, 13)), (2026, 1), (2026, 2)]
    assert contents.tiles[0].note == "Mar 2025 to Feb 2026"
    ((total, number),) = warehouse.read(
        url,
        "SELECT sum(total_sales), sum(sales) FROM bi.sales_by_month"
        " WHERE year * 12 + month BETWEEN 2025 * 12 + 3 AND 2026 * 12 + 2",
    )
    assert contents.tiles[0].value == short(total)
    assert contents.tiles[2].value == written(number, Kind.COUNT)
