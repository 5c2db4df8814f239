"""The figures at the top of the page."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dashboard.panel import MONTHS, Kind, Row, short, written
from dashboard.reading import Read, read_query
from dashboard.sales import BY_MONTH, percent, whole_months

YEAR = 12  # months


@dataclass(frozen=True)
class Tile:
    """One figure: what it is, its value, and what it is compared with."""

    label: str
    value: str
    note: str


def headline(read: Read) -> list[Tile]:
    """Sales, their number and the average one over the last twelve whole months, beside the twelve before;
    nothing where there is none."""
    months = whole_months(read_query(read, "sales_by_month", BY_MONTH))
    if not months:
        return []
    end = _number(months[-1])
    now = [row for row in months if end - YEAR < _number(row) <= end]
    before = [row for row in months if end - 2 * YEAR < _number(row) <= end - YEAR]
    reach = f"{_name(now[0])} to {_name(now[-1])}"
    return [
        Tile("Sales", short(_sum(now, "total_sales")), reach),
        Tile("Against the year before", _change(now, before, "total_sales"), "the twelve months before"),
        Tile(
            "Number of sales",
            f"{_sum(now, 'sales'):,}",
            f"{_change(now, before, 'sales')} to the year before",
        ),
        Tile("Average sale", _average(now), f"{_average(before)} in the year before"),
    ]


def _number(row: Row) -> int:
    """Months since year 0."""
    return int(row["year"]) * YEAR + int(row["month"])


def _name(row: Row) -> str:
    return f"{MONTHS[row['month'] - 1]} {row['year']}"


def _sum(rows: list[Row], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def _change(now: list[Row], before: list[Row], column: str) -> str:
    return percent(_sum(now, column), _sum(before, column))


def _average(rows: list[Row]) -> str:
    number = _sum(rows, "sales")
    return written(_sum(rows, "total_sales") / number, Kind.MONEY) if number else "–"
