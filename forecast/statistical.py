"""statsforecast's models: exponential smoothing, Theta and complex exponential smoothing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from forecast.months import YEAR, Floats
from forecast.series import Panel

TWO_YEARS, THREE_YEARS = 2 * YEAR, 3 * YEAR


def load() -> None:
    """Import the models, and with them PySpark, which two threads must not begin to import at once."""
    import statsforecast.models  # noqa: F401


def _each(model: str, panel: Panel, horizon: int) -> Floats:
    """The forecasts of a model for each series on its own; NaN where it finds none."""
    return np.array([_one(model, row, horizon) for row in panel.rows()])


def _one(model: str, row: Floats, horizon: int) -> Floats:
    """With three years or more the model finds the season itself. In the third year, when it would not dare
    yet, the season is taken out first; with less there is none to be seen."""
    if len(row) >= THREE_YEARS or (len(row) >= TWO_YEARS and (row <= 0).any()):
        return _fitted(model, row, horizon, YEAR)
    if len(row) < TWO_YEARS:
        return _fitted(model, row, horizon, 1)
    factors = seasonal_factors(row)
    known, to_come = np.arange(len(row)) % YEAR, (len(row) + np.arange(horizon)) % YEAR
    return _fitted(model, row / factors[known], horizon, 1) * factors[to_come]


def _fitted(name: str, row: Floats, horizon: int, season: int) -> Floats:
    if np.ptp(row) == 0:  # nothing to estimate
        return np.full(horizon, row[-1])
    from statsforecast import models

    # Fitted to values around one: optimisers stop at absolute differences.
    scale = float(np.abs(row).mean())
    model: Any = getattr(models, name)(season_length=season)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values: Floats = np.asarray(model.forecast(y=row / scale, h=horizon)["mean"], dtype=float) * scale
    except Exception:  # whatever a model raises, it has no forecast of this series
        return np.full(horizon, np.nan)
    return values if np.isfinite(values).all() else np.full_like(values, np.nan)


def seasonal_factors(row: Floats) -> Floats:
    """The season of a positive series of two years or more, by a regression of its logarithm on a trend and
    the months, shrunk by what chance alone would show (Miller and Williams 2003).

    The first factor is that of the first month; their geometric mean is one.
    """
    at = np.arange(len(row))
    months = np.eye(YEAR)[at % YEAR]
    design = np.column_stack([at - at.mean(), months])
    effects, *_ = np.linalg.lstsq(design, np.log(row), rcond=None)
    rest = np.log(row) - design @ effects
    season = effects[1:] - effects[1:].mean()
    chance = float(rest @ rest) / (len(row) - YEAR - 1) * YEAR / len(row)
    shown = float(season @ season) / (YEAR - 1)
    kept = max(0.0, 1 - chance / shown) if shown > 0 else 0.0
    return np.asarray(np.exp(kept * season), dtype=float)


STATISTICAL = {
    "ets": partial(_each, "AutoETS"),
    "theta": partial(_each, "DynamicOptimizedTheta"),
    "ces": partial(_each, "AutoCES"),
}


def mean_of(members: Sequence[Floats]) -> Floats:
    """The mean of those members that have a forecast of a series; NaN where none has."""
    stacked = np.array(members)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    mean = np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))
    return np.asarray(mean, dtype=float)
