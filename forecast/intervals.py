"""Conformal prediction intervals: as wide as past forecasts were wrong, whatever the model believes of
itself.

Errors are scaled by series and pooled over all of them and over the windows of a backtest (split conformal
prediction, Vovk et al. 2005; scaled as in Hyndman and Koehler's MASE), so that a few series of a few years
are enough to calibrate on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.months import Floats

LEVEL = 0.8
FEW = 60
"""Scores from which on a month of the horizon is calibrated by itself; with fewer its neighbours help out."""


@dataclass(frozen=True)
class Calibration:
    """Half the width of an interval in each month of a horizon, in the scale of its series."""

    level: float
    widths: tuple[float, ...]

    def at(self, horizon: int) -> Floats:
        """The widths for as many months: beyond those that were seen they grow as a random walk's do."""
        known = len(self.widths)
        beyond = [self.widths[-1] * math.sqrt(month / known) for month in range(known + 1, horizon + 1)]
        return np.array([*self.widths, *beyond][:horizon])

    def interval(self, forecast: Floats, scale: Floats) -> tuple[Floats, Floats]:
        """Lower and upper bounds of forecasts, a row a series."""
        half = scale[:, np.newaxis] * self.at(forecast.shape[1])
        return forecast - half, forecast + half


def calibrate(scores: Sequence[Floats], level: float = LEVEL) -> Calibration:
    """Calibrate on the scaled absolute errors of past windows, each with a row a series and a column a month.

    Windows may be of different length. The widths never shrink with the horizon.
    """
    horizon = max(window.shape[1] for window in scores)
    by_month = [
        np.concatenate([window[:, month] for window in scores if window.shape[1] > month])
        for month in range(horizon)
    ]
    widths = [_quantile(_with_neighbours(by_month, month), level) for month in range(horizon)]
    return Calibration(level, tuple(float(width) for width in np.maximum.accumulate(widths)))


def _with_neighbours(by_month: Sequence[Floats], month: int) -> Floats:
    around = 0
    while True:
        pooled = by_month[max(0, month - around) : month + around + 1]
        scores = np.concatenate(pooled)
        if len(scores) >= FEW or len(pooled) == len(by_month):
            return scores
        around += 1


def _quantile(scores: Floats, level: float) -> float:
    """The conformal quantile: of n scores the one of rank ceil((n + 1) * level), the largest where n is
    small."""
    rank = min(len(scores), math.ceil((len(scores) + 1) * level))
    return float(np.sort(scores)[rank - 1])
