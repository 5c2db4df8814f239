"""What a panel of the dashboard is: a question, the rows that answer it, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

Row = Mapping[str, Any]
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Kind(Enum):
    """How a column's values are written for people."""

    TEXT = "text"
    YEAR = "year"
    MONTH = "month"
    QUARTER = "quarter"
    DATE = "date"
    COUNT = "count"
    DECIMAL = "decimal"
    MONEY = "money"

    @property
    def is_number(self) -> bool:
        """Whether the values are amounts, which stand right-aligned and with separated thousands."""
        return self in (Kind.COUNT, Kind.DECIMAL, Kind.MONEY)


@dataclass(frozen=True)
class TableColumn:
    """A column of a panel's rows: its name in the query, its heading, and its kind."""

    name: str
    heading: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Panel:
    """One chart with what stands around it.

    `query` is a file in `sql/dashboard`, whose columns are `columns`. `prepare` makes the rows that are shown
    and drawn out of those that were read; `draw` makes the chart of a width in pixels, and `finding` says in
    a sentence what it shows. `source` names the views that were read, `empty` says why there may be no data.
    A `wide` panel takes two columns of the page where there is room.
    """

    name: str
    title: str
    query: str
    columns: tuple[TableColumn, ...]
    source: str
    draw: Callable[[Sequence[Row], int], alt.TopLevelMixin]
    finding: Callable[[Sequence[Row]], str]
    empty: str
    prepare: Callable[[Sequence[Row]], Sequence[Row]] = lambda rows: rows
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def written(value: Any, kind: Kind) -> str:
    """A value as a person reads it; nothing is a dash.

    >>> written(Decimal("1234567.5"), Kind.MONEY), written(7, Kind.MONTH), written(None, Kind.COUNT)
    ('1,234,567.50', 'Jul', '–')
    """
    if value is None:
        return "–"
    match kind:
        case Kind.MONEY:
            return f"{Decimal(value):,.2f}"
        case Kind.DECIMAL:
            return f"{Decimal(value):,.1f}"
        case Kind.COUNT:
            return f"{int(value):,}"
        case Kind.MONTH:
            return MONTHS[int(value) - 1]
        case Kind.QUARTER:
            return f"Q{int(value)}"
        case Kind.DATE if isinstance(value, date):
            return value.isoformat()
        case _:
            return str(value)


def short(value: float | Decimal) -> str:
    """An amount in three figures at the most.

    >>> short(1234567), short(54321), short(999), short(-1500)
    ('1.23M', '54.3k', '999', '-1.5k')
    """
    number = float(value)
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit * 0.9995:
            return f"{number / limit:.3g}{letter}"
    return f"{number:.3g}"
