"""The methods that forecast a panel, by name, and what they have in common.

Models see sales per day of the month: a February of 28 days sells less than a January of 31, which is neither
trend nor season (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3.1, calendar
adjustments).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from forecast.baselines import BASELINES, last_year
from forecast.months import Floats, days_in
from forecast.regression import Fitted, predict
from forecast.series import Panel
from forecast.statistical import STATISTICAL, mean_of

Method = Callable[[Panel, int], Floats]
"""Forecasts of a panel's series for a number of months to come: a row a series, a column a month."""

ENSEMBLE = "ensemble"
"""The mean of ETS, Theta and CES."""
REGRESSION = "linear_regression"


def per_day(method: Method) -> Method:
    """The method on sales per day, its forecasts as sales per month again."""

    def forecast(panel: Panel, horizon: int) -> Floats:
        daily = replace(panel, values=panel.values / days_in(panel.first, panel.months))
        return method(daily, horizon) * days_in(panel.end, horizon)

    return forecast


def forecasts(panel: Panel, horizon: int, sparse: Collection[str] = ()) -> dict[str, Floats]:
    """What every method and baseline says but the regression, which Spark has to fit first."""
    said = {name: per_day(method)(panel, horizon) for name, method in STATISTICAL.items()}
    said[ENSEMBLE] = mean_of(list(said.values()))
    said = {name: _with_sparse(panel, values, sparse) for name, values in said.items()}
    said |= {name: method(panel, horizon) for name, method in BASELINES.items()}
    return {name: not_below_zero(panel, values) for name, values in said.items()}


def regression_forecast(panel: Panel, horizon: int, fitted: Fitted, sparse: Collection[str] = ()) -> Floats:
    """What the regression says by its coefficients."""
    values = per_day(partial(predict, fitted))(panel, horizon)
    return not_below_zero(panel, _with_sparse(panel, values, sparse))


def forecast_by(method: str, panel: Panel, horizon: int, fitted: Fitted, sparse: Collection[str]) -> Floats:
    """What one method says, by its name; `fitted` are the regression's coefficients."""
    if method == REGRESSION:
        return regression_forecast(panel, horizon, fitted, sparse)
    if method in BASELINES:
        return not_below_zero(panel, BASELINES[method](panel, horizon))
    members = STATISTICAL if method == ENSEMBLE else {method: STATISTICAL[method]}
    values = mean_of([per_day(member)(panel, horizon) for member in members.values()])
    return not_below_zero(panel, _with_sparse(panel, values, sparse))


def _with_sparse(panel: Panel, values: Floats, sparse: Collection[str]) -> Floats:
    """`values` with the last year's mean for the series that are sparse."""
    is_sparse = np.array([[name in sparse] for name in panel.names])
    return np.where(is_sparse, per_day(last_year)(panel, values.shape[1]), values)


def not_below_zero(panel: Panel, values: Floats) -> Floats:
    """`values` with the series that never were negative kept from it."""
    never = np.asarray(panel.values.min(axis=1, keepdims=True) >= 0)
    return np.where(never & (values < 0), 0.0, values)


def models(said: Mapping[str, Floats]) -> list[str]:
    """The names of the methods that are no baselines and gave a number for every month."""
    return [name for name, values in said.items() if name not in BASELINES and np.isfinite(values).all()]
