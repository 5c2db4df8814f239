"""Months as consecutive numbers, so that arithmetic on them is arithmetic."""

from __future__ import annotations

import calendar
import datetime as dt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

YEAR = 12


def month_of(day: dt.date) -> int:
    """The number of a day's month."""
    return month_number(day.year, day.month)


def month_number(year: int, month: int) -> int:
    """The number of a month; `month` counts from 1."""
    return year * YEAR + month - 1


def period(month: int) -> str:
    """`2023-07`."""
    return f"{month // YEAR:04d}-{month % YEAR + 1:02d}"


def parse_period(text: str) -> int:
    """Read what `period()` wrote."""
    year, month = text.split("-")
    return month_number(int(year), int(month))


def first_day(month: int) -> dt.date:
    return dt.date(month // YEAR, month % YEAR + 1, 1)


def last_day(month: int) -> dt.date:
    return first_day(month + 1) - dt.timedelta(days=1)


def days_in(first: int, count: int) -> Floats:
    """How many days each of `count` months has, from `first` on."""
    months = range(first, first + count)
    return np.array(
        [calendar.monthrange(month // YEAR, month % YEAR + 1)[1] for month in months], dtype=float
    )
