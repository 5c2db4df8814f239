"""What a regression sees of a series: its trend, its season as waves, and its lags.

Values are first brought to a common form: logarithms where all are positive (growth and season multiply),
else multiples of the mean; then trend and lags are those of the transformed series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecast.months import YEAR, Floats

LAGS = (1, YEAR)
MONTHS_A_WAVE = 12
"""One pair of waves (sine and cosine) more with each year of history, up to five."""


@dataclass(frozen=True)
class Transform:
    """To the regression's form and back."""

    is_logarithm: bool
    mean: float

    @classmethod
    def of(cls, row: Floats) -> Transform:
        if (row > 0).all():
            return cls(True, float(np.log(row).mean()))
        return cls(False, float(np.abs(row).mean()) or 1.0)

    def there(self, values: Floats) -> Floats:
        return np.log(values) - self.mean if self.is_logarithm else values / self.mean - 1

    def back(self, values: Floats) -> Floats:
        return np.exp(values + self.mean) if self.is_logarithm else (values + 1) * self.mean


def waves_for(months: int) -> int:
    """How many waves a history of so many months can bear, after the year that the lags take."""
    return min(YEAR // 2 - 1, max(1, (months - YEAR) // MONTHS_A_WAVE))


def design(row: Floats, first: int, waves: int) -> tuple[Floats, Floats]:
    """Features and targets of each month of a transformed series that has all lags; `first` is its first
    month's number."""
    at = range(max(LAGS), len(row))
    return np.array([features(row[:month], first, waves) for month in at]), row[max(LAGS) :]


def features(before: Floats, first: int, waves: int) -> Floats:
    """The features of the month after `before`, a transformed series of at least a year."""
    month = first + len(before)
    angles = 2 * np.pi * np.arange(1, waves + 1) * (month % YEAR) / YEAR
    season = np.column_stack([np.sin(angles), np.cos(angles)]).ravel()
    trend = (len(before) - max(LAGS)) / YEAR
    return np.array([trend, *season, *(before[-lag] for lag in LAGS)])
