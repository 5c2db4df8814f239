"""How good forecasts were. Arrays of actuals and forecasts have a row a series and a column a month."""

from __future__ import annotations

import numpy as np

from forecast.months import YEAR, Floats
from forecast.series import Panel


def scales(panel: Panel) -> Floats:
    """What errors of each series are divided by: the mean absolute change from the same month a year before
    (Hyndman and Koehler 2006, the denominator of MASE), from the month before in a series of one year.

    A series that never changed has the scale of its level, or 1.
    """
    return np.array([_scale(row) for row in panel.rows()])


def _scale(row: Floats) -> float:
    lag = YEAR if len(row) > YEAR else 1
    change = float(np.abs(row[lag:] - row[:-lag]).mean()) if len(row) > lag else 0.0
    return change or float(np.abs(row).mean()) or 1.0


def scaled_errors(actual: Floats, forecast: Floats, scale: Floats) -> Floats:
    """Absolute errors, each in the scale of its series."""
    return np.asarray(np.abs(actual - forecast) / scale[:, np.newaxis], dtype=float)


def mase(actual: Floats, forecast: Floats, scale: Floats) -> float:
    """Mean absolute scaled error over all series."""
    return float(scaled_errors(actual, forecast, scale).mean())


def smape(actual: Floats, forecast: Floats) -> float:
    """Symmetric mean absolute percentage error as the M competitions have it, 0 to 200."""
    size = np.abs(actual) + np.abs(forecast)
    error = np.abs(actual - forecast)
    return float(200 * np.divide(error, size, out=np.zeros_like(error), where=size > 0).mean())


def owa(panel: Panel, actual: Floats, forecast: Floats) -> float | None:
    """The mean of sMAPE and MASE, each relative to Naive2's (M4 competition); None where a series is not
    positive throughout, since Naive2 divides by the season."""
    if not (panel.values > 0).all() or not (actual > 0).all() or min(map(len, panel.rows())) < 2 * YEAR:
        return None
    reference, scale = naive2(panel, actual.shape[1]), scales(panel)
    relative = (
        smape(actual, forecast) / (smape(actual, reference) or np.nan),
        mase(actual, forecast, scale) / (mase(actual, reference, scale) or np.nan),
    )
    mean = float(np.mean(relative))
    return mean if np.isfinite(mean) else None


def naive2(panel: Panel, horizon: int) -> Floats:
    """The last value, deseasonalised and seasonalised again where the season is significant (M4)."""
    return np.array([_naive2(row, horizon) for row in panel.rows()])


def _naive2(row: Floats, horizon: int) -> Floats:
    factors = _seasonal_factors(row) if _is_seasonal(row) else np.ones(YEAR)
    level = row[-1] / factors[(len(row) - 1) % YEAR]
    return np.array([level * factors[(len(row) + step) % YEAR] for step in range(horizon)])


def _is_seasonal(row: Floats) -> bool:
    """Whether the autocorrelation at one year is beyond its 90% limit (Makridakis et al. 2020)."""
    if len(row) < 3 * YEAR:
        return False
    centred = row - row.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    correlation = [float(centred[lag:] @ centred[:-lag]) / power for lag in range(1, YEAR + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * float(np.sum(np.square(correlation[:-1])))) / len(row))
    return bool(abs(correlation[-1]) > limit)


def _seasonal_factors(row: Floats) -> Floats:
    """Multiplicative, by classical decomposition: ratios to a centred moving average of a year."""
    weights = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    ratios = row[YEAR // 2 : -(YEAR // 2)] / np.convolve(row, weights, mode="valid")
    months = (np.arange(len(ratios)) + YEAR // 2) % YEAR
    factors = np.array([ratios[months == month].mean() for month in range(YEAR)])
    return np.asarray(factors * YEAR / factors.sum(), dtype=float)


def coverage(actual: Floats, lower: Floats, upper: Floats) -> float:
    """The share of actuals within their interval."""
    return float(((lower <= actual) & (actual <= upper)).mean())


def pinball(actual: Floats, bound: Floats, quantile: float, scale: Floats) -> float:
    """Mean scaled pinball loss of a bound as the forecast of a quantile (M5 competition)."""
    above = actual - bound
    loss = np.maximum(quantile * above, (quantile - 1) * above)
    return float((loss / scale[:, np.newaxis]).mean())
