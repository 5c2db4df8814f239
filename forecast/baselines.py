"""The forecasts that any model has to beat. Each takes a panel and a horizon in months."""

from __future__ import annotations

import numpy as np

from forecast.months import YEAR, Floats
from forecast.series import Panel


def seasonal_naive(panel: Panel, horizon: int) -> Floats:
    """The same month of the last year that is known."""
    return np.array([_repeated(row, horizon) for row in panel.rows()])


def last_year(panel: Panel, horizon: int) -> Floats:
    """The last twelve months' mean, in each month."""
    return np.array([np.full(horizon, row[-YEAR:].mean()) for row in panel.rows()])


def historical_mean(panel: Panel, horizon: int) -> Floats:
    """The mean of all months, in each month."""
    return np.array([np.full(horizon, row.mean()) for row in panel.rows()])


def straight_line(panel: Panel, horizon: int) -> Floats:
    """A line through the sums of the years that end with the last month, a twelfth of it in each month.

    With less than two such years it is the last year's mean.
    """
    return np.array([_line_over_years(row, horizon) for row in panel.rows()])


def _repeated(row: Floats, horizon: int) -> Floats:
    season = row[-YEAR:] if len(row) >= YEAR else row[-1:]
    return np.resize(season, horizon)


def _line_over_years(row: Floats, horizon: int) -> Floats:
    years = len(row) // YEAR
    if years < 2:
        return np.full(horizon, row[-YEAR:].mean())
    means = row[len(row) - years * YEAR :].reshape(years, YEAR).mean(axis=1)
    slope, level = np.polyfit(np.arange(years), means, 1)
    to_come = years + np.arange(horizon) // YEAR
    return np.asarray(level + slope * to_come, dtype=float)


BASELINES = {
    "seasonal_naive": seasonal_naive,
    "last_year": last_year,
    "historical_mean": historical_mean,
    "straight_line": straight_line,
}
