"""Monthly sales as aligned series, and the rules by which they are cleaned.

What is left out or filled is said in `History.notes`; nothing is bent silently. The rules:

- a month counts once it is over and its sales reach its end, give or take the longest pause between two days
  with sales within a year; so does the first month at its beginning,
- a pause of up to `GAP_FILLED` months without any sale is filled by a line between its neighbours; the
  history begins anew behind a longer one,
- in a category a month without sales is a zero, from its first sale on,
- a category with less than two years of sales, with none in the last year, or with none in most months cannot
  show a season: it is `sparse`, and forecast by the mean of its last year,
- a negative month (more returned than sold) stays; only series without one are kept from going below zero.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from forecast.errors import HistoryTooShort
from forecast.months import YEAR, Floats, first_day, last_day, month_number, month_of, period

TOTAL = "total"
MIN_MONTHS = 30
"""Two years to learn a season from, and a half to judge by."""
GAP_FILLED = 2
MIN_CATEGORY_MONTHS = 2 * YEAR


@dataclass(frozen=True)
class MonthlySales:
    """What the warehouse holds of one month and category; without `year` and `month` its day is unknown."""

    year: int | None
    month: int | None
    category: str
    amount: float


@dataclass(frozen=True)
class Panel:
    """Series over the same months, a row each; `first` is the number of the first month.

    A series begins at its column in `starts` and is zero before.
    """

    first: int
    names: tuple[str, ...]
    values: Floats
    starts: tuple[int, ...]

    @property
    def months(self) -> int:
        return int(self.values.shape[1])

    @property
    def end(self) -> int:
        """The number of the month after the last one."""
        return self.first + self.months

    def until(self, months: int) -> Panel:
        """The first `months` months of it."""
        starts = tuple(min(start, months - 1) for start in self.starts)
        return replace(self, values=self.values[:, :months], starts=starts)

    def rows(self) -> list[Floats]:
        """Each series from its beginning on."""
        return [row[start:] for row, start in zip(self.values, self.starts, strict=True)]

    def with_total(self) -> Panel:
        """The panel with the sum of all its series as the last row."""
        return Panel(
            self.first,
            (*self.names, TOTAL),
            np.vstack([self.values, self.values.sum(axis=0)]),
            (*self.starts, min(self.starts)),
        )


@dataclass(frozen=True)
class History:
    """The finished months by category, and what was left out or filled on the way."""

    panel: Panel
    notes: tuple[str, ...]

    @property
    def sparse(self) -> tuple[str, ...]:
        """The categories that cannot show a season."""
        return tuple(
            name
            for name, row in zip(self.panel.names, self.panel.rows(), strict=True)
            if len(row) < MIN_CATEGORY_MONTHS or not row[-YEAR:].any() or np.count_nonzero(row) * 2 < len(row)
        )


def monthly_history(rows: Iterable[MonthlySales], days: Sequence[dt.date], today: dt.date) -> History:
    """The history that a forecast made `today` may learn from; `days` are those with sales.

    Raises `HistoryTooShort` where fewer than `MIN_MONTHS` months are left.
    """
    notes: list[str] = []
    amounts: defaultdict[str, dict[int, float]] = defaultdict(dict)
    undated = 0.0
    for row in rows:
        if row.year is None or row.month is None:
            undated += row.amount
            continue
        of_category = amounts[category_label(row.category)]
        month = month_number(row.year, row.month)
        of_category[month] = of_category.get(month, 0.0) + row.amount
    if undated:
        notes.append(f"sales of {undated:,.2f} without a known day are in no month")
    present = sorted({month for of_category in amounts.values() for month in of_category})
    present = _finished(present, sorted(days), today, notes)
    present = _behind_long_gap(present, notes)
    if len(present) < MIN_MONTHS:
        raise HistoryTooShort(
            f"{len(present)} finished months of sales are too few for a forecast, which needs {MIN_MONTHS}:"
            f" two years to learn a season from and half a year to judge by. {' '.join(notes)}".rstrip()
        )
    panel = _filled(amounts, present, notes)
    history = History(panel, tuple(notes))
    return replace(history, notes=(*notes, *_remarks(history)))


def category_label(category: str) -> str:
    """The category's name in a forecast, where `total` means all of them."""
    return f'"{category}" (category)' if category.strip().casefold() == TOTAL else category


def _finished(months: list[int], days: list[dt.date], today: dt.date, notes: list[str]) -> list[int]:
    """The months that are over and whose sales reach from their first to their last day."""
    later = [month for month in months if month > month_of(today)]
    if later:
        notes.append(f"{len(later)} months that lie in the future are left out, from {period(later[0])} on")
    months = [month for month in months if month <= month_of(today)]
    if months and months[-1] == month_of(today):
        notes.append(f"{period(months.pop())} is not over and left out")
    days = [day for day in days if months and months[0] <= month_of(day) <= months[-1]]
    if not days:
        return months
    year = dt.timedelta(days=365)
    if (last_day(months[-1]) - days[-1]).days > _pause([day for day in days if day > days[-1] - year]):
        notes.append(f"{period(months.pop())} has sales up to {days[-1]} only and is left out")
    if months and (days[0] - first_day(months[0])).days > _pause(
        [day for day in days if day < days[0] + year]
    ):
        notes.append(f"{period(months.pop(0))} has sales from {days[0]} on only and is left out")
    return months


def _pause(days: Sequence[dt.date]) -> int:
    """The longest time between two days with sales, in days."""
    return max(((later - day).days for day, later in pairwise(days)), default=1)


def _behind_long_gap(months: list[int], notes: list[str]) -> list[int]:
    for at in range(len(months) - 1, 0, -1):
        gap = months[at] - months[at - 1] - 1
        if gap > GAP_FILLED:
            notes.append(
                f"no sales in the {gap} months before {period(months[at])}: the history begins there"
            )
            return months[at:]
    return months


def _filled(amounts: dict[str, dict[int, float]], present: list[int], notes: list[str]) -> Panel:
    first, count = present[0], present[-1] - present[0] + 1
    known = np.array(present) - first
    series: dict[str, Floats] = {}
    for name in sorted(amounts):
        values = np.array([amounts[name].get(month, 0.0) for month in present])
        if values.any():
            series[name] = np.interp(np.arange(count), known, values)
    missing = sorted(set(range(count)) - set(known.tolist()))
    if missing:
        named = ", ".join(period(first + month) for month in missing)
        notes.append(f"no sales at all in {named}: filled by a line between the months around")
    values = np.array(list(series.values())).reshape(len(series), count)
    return Panel(first, tuple(series), values, tuple(int(np.flatnonzero(row)[0]) for row in values))


def _remarks(history: History) -> Iterable[str]:
    if history.sparse:
        named = ", ".join(history.sparse)
        yield f"too few sales to show a season, forecast by the mean of the last year: {named}"
    negative = [
        f"{name} in {period(history.panel.first + int(at))}"
        for name, row in zip(history.panel.names, history.panel.values, strict=True)
        for at in np.flatnonzero(row < 0)
    ]
    if negative:
        yield f"more was returned than sold, which stays as it is: {', '.join(negative)}"
