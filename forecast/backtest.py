"""Rolling-origin backtest: what each method would have said in the past, beside what came.

The last window judges, those before it choose: none of them overlaps the last, so what is judged was not
chosen by the same months. The regression is fitted at each origin anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecast.methods import REGRESSION, forecasts, regression_forecast
from forecast.metrics import scales
from forecast.months import YEAR, Floats
from forecast.reconciliation import reconcile
from forecast.regression import Fitted
from forecast.series import Panel

MIN_TRAINING = 2 * YEAR
MAX_WINDOWS = 7
"""Origins before the last, so that the time of a backtest does not grow with the history."""


@dataclass(frozen=True)
class Window:
    """One origin: what was known, what came, what each method had said. A row a category, the total last."""

    known: Panel
    actual: Floats
    said: Mapping[str, Floats]

    @property
    def scale(self) -> Floats:
        return scales(self.known)


@dataclass(frozen=True)
class Backtest:
    """The windows that choose, and the one that judges."""

    choosing: tuple[Window, ...]
    judging: Window

    @property
    def windows(self) -> tuple[Window, ...]:
        return (*self.choosing, self.judging)


@dataclass(frozen=True)
class Plan:
    """Where windows begin, in months known by then, and how many months they have."""

    choosing: tuple[int, ...]
    choosing_months: int
    judging: int
    judging_months: int

    @property
    def origins(self) -> tuple[int, ...]:
        return (*self.choosing, self.judging)


def plan(months: int) -> Plan:
    """A whole year judges where half a year is left to choose by before it, else half a year or a quarter."""
    judging_months = next(
        length
        for length in (YEAR, YEAR // 2, YEAR // 4)
        if months - length >= MIN_TRAINING + min(length, YEAR // 2)
    )
    judging = months - judging_months
    room = judging - MIN_TRAINING
    choosing_months = YEAR if room >= 2 * YEAR else min(YEAR // 2, room)
    step = max(1, choosing_months // 3)
    choosing = list(range(judging - choosing_months, MIN_TRAINING - 1, -step))[:MAX_WINDOWS]
    return Plan(tuple(reversed(choosing)), choosing_months, judging, judging_months)


def backtest(panel: Panel, sparse: Collection[str]) -> Backtest:
    """Run it on categories with their total as the last row, for all methods but the regression."""

    def window(origin: int, ahead: int) -> Window:
        known = panel.until(origin)
        return Window(known, panel.values[:, origin : origin + ahead], forecasts(known, ahead, sparse))

    planned = plan(panel.months)
    return Backtest(
        tuple(window(origin, planned.choosing_months) for origin in planned.choosing),
        window(planned.judging, planned.judging_months),
    )


def with_regression(test: Backtest, fitted: Mapping[int, Fitted], sparse: Collection[str]) -> Backtest:
    """The backtest with what the regression says; `fitted` has its coefficients at each origin."""

    def window(held: Window) -> Window:
        known, ahead = held.known, held.actual.shape[1]
        said = regression_forecast(known, ahead, fitted[known.months], sparse)
        return replace(held, said={**held.said, REGRESSION: said})

    return Backtest(tuple(map(window, test.choosing)), window(test.judging))


def variances(windows: Sequence[Window], method: str) -> Floats:
    """The mean squared error of each series over the windows."""
    squared = [np.square(window.actual - window.said[method]).mean(axis=1) for window in windows]
    return np.asarray(np.mean(squared, axis=0), dtype=float)


def reconciled_scores(windows: Sequence[Window], method: str, weights: Floats) -> list[Floats]:
    """Scaled absolute errors of each window after the forecasts were made to add up."""
    return [
        np.abs(window.actual - reconcile(window.said[method], weights)) / window.scale[:, np.newaxis]
        for window in windows
    ]
