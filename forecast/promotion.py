"""Which method is chosen, and whether it may take the place of the model that stands.

Chosen is the mean of ETS, Theta and CES, which has won where others were compared (M4), unless another method
was better on the earlier windows by more than the paired error. Promoted is it only if on the last window, of
which the choice knew nothing, it beats every baseline by more than the paired error, did better than each on
the earlier windows too, and is no worse than what stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecast.backtest import Backtest, Window
from forecast.baselines import BASELINES
from forecast.errors import ForecastError
from forecast.methods import ENSEMBLE, models
from forecast.metrics import scaled_errors


@dataclass(frozen=True)
class Comparison:
    """By how much one method's scaled errors are smaller than another's, and the standard error of that.

    The pairs are the months of the windows; the series of a month move together and count as one.
    """

    gain: float
    error: float

    @property
    def is_clear(self) -> bool:
        return self.gain > self.error


@dataclass(frozen=True)
class Verdict:
    """Whether `method` may be promoted; `reasons` say what speaks against it."""

    method: str
    best_baseline: str
    against_baseline: Comparison
    reasons: tuple[str, ...]

    @property
    def is_promoted(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        if self.reasons:
            return f"{self.method} is refused: {'; '.join(self.reasons)}"
        return (
            f"{self.method} beats the best baseline, {self.best_baseline}, by"
            f" {_figures(self.against_baseline)} on the last months"
        )


def compare(windows: Sequence[Window], better: str, than: str) -> Comparison:
    """Compare two methods over the windows."""
    gains = np.concatenate([errors(window, than) - errors(window, better) for window in windows])
    return Comparison(float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains))))


def errors(window: Window, method: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The scaled error of each month, over all series."""
    return np.asarray(scaled_errors(window.actual, window.said[method], window.scale).mean(axis=0))


def window_mase(windows: Sequence[Window], method: str) -> float:
    """MASE over all months of the windows."""
    return float(np.concatenate([errors(window, method) for window in windows]).mean())


def candidates(test: Backtest) -> list[str]:
    """The methods that had a forecast in every window.

    Raises `ForecastError` where none had.
    """
    usable = [set(models(window.said)) for window in test.windows]
    found = [name for name in models(test.judging.said) if all(name in names for names in usable)]
    if not found:
        raise ForecastError("no model could be fitted to this history: look at the series for extreme values")
    return found


def choose(test: Backtest) -> str:
    """The method that did best on the earlier windows, the ensemble in doubt."""
    found = candidates(test)
    best = min(found, key=lambda name: window_mase(test.choosing, name))
    if ENSEMBLE in found and not compare(test.choosing, best, ENSEMBLE).is_clear:
        return ENSEMBLE
    return best


def best_baseline(test: Backtest) -> str:
    """The baseline that did best over all windows."""
    return min(BASELINES, key=lambda name: window_mase(test.windows, name))


def judge(test: Backtest, method: str, champion: str | None) -> Verdict:
    """Judge a chosen method; `champion` is the method of the model that stands, if one does."""
    reasons = []
    for name in BASELINES:
        last, earlier = compare([test.judging], method, name), compare(test.choosing, method, name)
        if not last.is_clear:
            reasons.append(f"on the last months it gains {_figures(last)} on the baseline {name}, no more")
        elif earlier.gain <= 0:
            reasons.append(f"on the months before it was no better than the baseline {name}")
    if champion in candidates(test) and (worse := compare([test.judging], method, champion)).gain < 0:
        reasons.append(f"on the last months it is worse than {champion}, which stands ({_figures(worse)})")
    best = best_baseline(test)
    return Verdict(method, best, compare([test.judging], method, best), tuple(reasons))


def _figures(comparison: Comparison) -> str:
    return f"{comparison.gain:.3f} ± {comparison.error:.3f} MASE"
