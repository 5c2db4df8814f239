"""The panels on the sales history: by month, by category, and mobile phones by quarter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dashboard.charts import bars, columns, months
from dashboard.panel import MONTHS, Kind, Panel, Row, Section, TableColumn, short
from dashboard.sales import MONTH, NUMBER, SALES, SHOWN, YEAR, largest_share

NOT_LANDED = "No sales history was landed (ecommerce.csv)."
YEARS = 4  # lines that one chart can tell apart
QUARTERS = 4  # whose names have room


def last_years(rows: Sequence[Row]) -> list[Row]:
    """The rows of the last years."""
    last = max((row["year"] for row in rows), default=0)
    return [row for row in rows if row["year"] > last - YEARS]


def best_month(rows: Sequence[Row]) -> str:
    """Which month sold most."""
    best = max(rows, key=lambda row: row["total_sales"])
    return (
        f"{MONTHS[best['month'] - 1]} {best['year']} was the best month, with {short(best['total_sales'])}."
    )


def last_quarters(rows: Sequence[Row]) -> list[Row]:
    """The last quarters, each by its name with its year."""
    return [{**row, "name": f"Q{row['quarter']} {row['year']}"} for row in rows[-QUARTERS:]]


def best_quarter(rows: Sequence[Row]) -> str:
    """Which quarter sold most."""
    best = max(rows, key=lambda row: row["total_sales"])
    return f"{best['name']} was the best quarter, with {short(best['total_sales'])}."


PANELS = Section(
    "history",
    "Sales history",
    (
        Panel(
            name="history_by_month",
            title="Monthly sales of the history",
            query="history_by_month",
            columns=(YEAR, MONTH, SALES, NUMBER),
            source="bi.sales_history_by_month",
            prepare=last_years,
            draw=lambda rows, width: months(rows, width, "total_sales", "year"),
            finding=best_month,
            empty=NOT_LANDED,
        ),
        Panel(
            name="history_by_category",
            title="Sales of the history by category",
            query="history_by_category",
            columns=(TableColumn("category", "Category"), SALES, NUMBER),
            source="bi.sales_history_by_month",
            draw=lambda rows, width: bars(rows[:SHOWN], width, "category", "total_sales"),
            finding=partial(largest_share, name="category"),
            empty=NOT_LANDED,
        ),
        Panel(
            name="mobiles_by_quarter",
            title="Mobile phones by quarter",
            query="mobiles_by_quarter",
            columns=(YEAR, TableColumn("quarter", "Quarter", Kind.QUARTER), SALES, NUMBER),
            source="bi.sales_history_by_month",
            prepare=last_quarters,
            draw=lambda rows, width: columns(rows, width, "name", "total_sales"),
            finding=best_quarter,
            empty="The sales history has no mobile phones.",
        ),
    ),
)
