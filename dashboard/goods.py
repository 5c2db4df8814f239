"""The panels on goods: those that come back, and those whose stock runs out."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.charts import bars, months
from dashboard.panel import Kind, Panel, Row, Section, TableColumn, short
from dashboard.sales import MONTH, SHOWN, YEAR, last_two_years, named

DAYS = 28  # that the query looks ahead


def returned(rows: Sequence[Row]) -> str:
    """What came back in the last year that is shown."""
    last = max(row["year"] for row in rows)
    now = [row for row in rows if row["year"] == last]
    amount, number = (sum(row[name] for row in now) for name in ("returned", "returns"))
    return f"{number:,} returns worth {short(amount)} in {last} so far."


def how_many(rows: Sequence[Row]) -> str:
    """How many products run out, and how many were to be ordered already."""
    below = sum(row["quantity"] < row["reorder_level"] for row in rows)
    products = "1 product lasts" if len(rows) == 1 else f"{len(rows):,} products last"
    return (
        f"{products} less than {DAYS} days at the pace of the last {DAYS}; {below:,} are below reorder level."
    )


STOCK = Panel(
    name="stock",
    title="Days that stock lasts",
    query="stock",
    columns=(
        TableColumn("product_id", "Number"),
        TableColumn("product", "Product"),
        TableColumn("category", "Category"),
        TableColumn("quantity", "In stock", Kind.COUNT),
        TableColumn("reorder_level", "Reorder level", Kind.COUNT),
        TableColumn("sold_last_28_days", "Sold in 28 days", Kind.COUNT),
        TableColumn("days_left", "Days left", Kind.DECIMAL),
    ),
    source="bi.stock",
    prepare=named,
    draw=lambda rows, width: bars(rows[:SHOWN], width, "product", "days_left", colour="orange"),
    finding=how_many,
    empty=f"Every product that sells lasts for {DAYS} days or more.",
)

RETURNS = Panel(
    name="returns",
    title="Returned goods by month",
    query="returns",
    columns=(
        YEAR,
        MONTH,
        TableColumn("returned", "Amount", Kind.MONEY),
        TableColumn("returns", "Returns", Kind.COUNT),
    ),
    source="bi.sales_by_month",
    prepare=last_two_years,
    draw=lambda rows, width: months(rows, width, "returned", "year"),
    finding=returned,
    empty="No goods have come back.",
)

PANELS = Section("goods", "Stock and returns", (STOCK, RETURNS))
