"""The panels on the warehouse's sales: against the year before, by country and category, by product."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from dashboard.charts import bars, months
from dashboard.panel import MONTHS, Kind, Panel, Row, Section, TableColumn, short

SHOWN = 10  # bars of a ranking
NOTHING_SOLD = "There is no sale in the warehouse yet."

YEAR, MONTH = TableColumn("year", "Year", Kind.YEAR), TableColumn("month", "Month", Kind.MONTH)
SALES = TableColumn("total_sales", "Sales", Kind.MONEY)
NUMBER = TableColumn("sales", "Number of sales", Kind.COUNT)
BY_MONTH = (YEAR, MONTH, SALES, NUMBER, TableColumn("last_sale", "Last sale of all", Kind.DATE))
TREND = (
    TableColumn("product_id", "Number"),
    TableColumn("product", "Product"),
    TableColumn("category", "Category"),
    TableColumn("last_90_days", "Last 90 days", Kind.MONEY),
    TableColumn("previous_90_days", "90 days before", Kind.MONEY),
    TableColumn("moved", "Difference", Kind.MONEY),
)


def whole_months(rows: Sequence[Row]) -> list[Row]:
    """The months in their order, without one that the last sale shows to be still going on."""
    return [row for row in rows if not _is_unfinished(row)]


def _is_unfinished(row: Row) -> bool:
    last = row["last_sale"]
    ends = last and monthrange(last.year, last.month)[1] == last.day
    return bool(last) and not ends and (row["year"], row["month"]) == (last.year, last.month)


def two_years(rows: Sequence[Row]) -> list[Row]:
    """The whole months of the last year that has any, and of the one before it."""
    return last_two_years(whole_months(rows))


def last_two_years(rows: Sequence[Row]) -> list[Row]:
    """The rows of the last year and of the one before it."""
    last = max((row["year"] for row in rows), default=0)
    return [row for row in rows if row["year"] >= last - 1]


def compared_years(rows: Sequence[Row]) -> str:
    """The last month that is in both years, compared."""
    last = max(row["year"] for row in rows)
    now = [row for row in rows if row["year"] == last]
    months_now = {row["month"] for row in now}
    before = [row for row in rows if row["year"] == last - 1 and row["month"] in months_now]
    total = _total(now)
    reach = f"{MONTHS[min(months_now) - 1]} to {MONTHS[max(months_now) - 1]} {last}"
    if {row["month"] for row in before} != months_now:
        return f"{reach}: {short(total)}; the same months of the year before are not complete."
    return f"{reach}: {short(total)}, {change(total, _total(before))}."


def change(now: Decimal, before: Decimal) -> str:
    """How an amount moved against the same months of a year before."""
    if before <= 0:
        return "nothing to compare it with a year before"
    moved = percent(now, before)
    word = "less" if moved.startswith("-") else "more"
    return f"{moved.lstrip('+-')} {word} than in the same months a year before"


def percent(now: Decimal, before: Decimal) -> str:
    """How an amount moved, as +12.3%."""
    return f"{(now / before - 1) * 100:+.1f}%" if before > 0 else "–"


def largest_share(rows: Sequence[Row], name: str) -> str:
    """Which row is the largest, and its share of them all."""
    total = _total(rows)
    first = rows[0]
    share = f", {first['total_sales'] / total * 100:.0f}% of all sales" if total > 0 else ""
    others = rows[SHOWN:]
    rest = f" The {len(others)} others that are not drawn have {short(_total(others))}." if others else ""
    return f"{first[name]} leads with {short(first['total_sales'])}{share}.{rest}"


def _total(rows: Sequence[Row]) -> Decimal:
    return sum((row["total_sales"] for row in rows), Decimal(0))


def named(rows: Sequence[Row]) -> list[Row]:
    """Products by a name that tells them apart: a product without one by its number, names that several
    products have with theirs."""
    names = [row["product"] for row in rows]
    return [
        row if row["product"] and names.count(row["product"]) == 1 else {**row, "product": _numbered(row)}
        for row in rows
    ]


def _numbered(row: Row) -> str:
    return f"{row['product'] or 'Product'} {row['product_id'] or ''}".strip()


def top(rows: Sequence[Row]) -> list[Row]:
    """The products that sold most, most first."""
    ranked = sorted(rows, key=lambda row: (-row["last_90_days"], row["product_id"] or 0))
    return named([row for row in ranked if row["last_90_days"] > 0][:SHOWN])


def falling(rows: Sequence[Row]) -> list[Row]:
    """The products whose sales fell most, with by how much."""
    ranked = sorted(rows, key=lambda row: (row["moved"], row["product_id"] or 0))
    return named([row for row in ranked if row["moved"] < 0][:SHOWN])


PANELS = Section(
    "sales",
    "Sales",
    (
        Panel(
            name="sales_against_last_year",
            title="Monthly sales, against the year before",
            query="sales_by_month",
            columns=BY_MONTH,
            source="bi.sales_by_month",
            prepare=two_years,
            draw=lambda rows, width: months(rows, width, "total_sales", "year"),
            finding=compared_years,
            empty=NOTHING_SOLD,
            wide=True,
        ),
        Panel(
            name="sales_by_category",
            title="Sales by category, all years",
            query="sales_by_category",
            columns=(TableColumn("category", "Category"), SALES, NUMBER),
            source="bi.sales_by_category_country",
            draw=lambda rows, width: bars(rows[:SHOWN], width, "category", "total_sales"),
            finding=partial(largest_share, name="category"),
            empty=NOTHING_SOLD,
        ),
        Panel(
            name="sales_by_country",
            title="Sales by country, all years",
            query="sales_by_country",
            columns=(TableColumn("country", "Country"), SALES, NUMBER),
            source="bi.total_sales_per_country",
            draw=lambda rows, width: bars(rows[:SHOWN], width, "country", "total_sales"),
            finding=partial(largest_share, name="country"),
            empty=NOTHING_SOLD,
        ),
        Panel(
            name="top_products",
            title="Products that sell most",
            query="product_trend",
            columns=TREND,
            source="bi.product_trend",
            prepare=top,
            draw=lambda rows, width: bars(rows, width, "product", "last_90_days"),
            finding=lambda rows: f"In the 90 days up to the last sale {rows[0]['product']} sold most.",
            empty="No product was sold in the 90 days up to the last sale.",
        ),
        Panel(
            name="falling_products",
            title="Products that fall",
            query="product_trend",
            columns=TREND,
            source="bi.product_trend",
            prepare=falling,
            draw=lambda rows, width: bars(rows, width, "product", "moved", colour="orange"),
            finding=lambda rows: f"{rows[0]['product']} lost most against the 90 days before.",
            empty="No product sold less than in the 90 days before.",
        ),
    ),
)
