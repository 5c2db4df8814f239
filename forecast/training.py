"""Train: backtest every method, choose one, judge it, and keep what is needed to forecast by it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from forecast import statistical
from forecast.backtest import Backtest, backtest, plan, reconciled_scores, variances, with_regression
from forecast.intervals import LEVEL, calibrate
from forecast.methods import REGRESSION
from forecast.metrics import coverage, owa, pinball
from forecast.model import Model
from forecast.months import period
from forecast.promotion import Verdict, best_baseline, choose, judge, window_mase
from forecast.reconciliation import reconcile
from forecast.regression import Fit, Fitted
from forecast.series import History, Panel


@dataclass(frozen=True)
class Score:
    """How one method did: MASE on the windows that chose and on the one that judged, OWA on the latter (None
    where a series is not positive)."""

    method: str
    choosing: float
    judging: float
    owa: float | None


@dataclass(frozen=True)
class Trained:
    """A chosen model and the judgement of it; `fallback` is the best baseline, for a shop that has nothing
    better yet."""

    model: Model
    fallback: Model
    verdict: Verdict
    scores: tuple[Score, ...]
    coverage: float
    pinball: float
    windows: int


def train(history: History, champion: str | None = None, fit: Fit | None = None) -> Trained:
    """Train on a history. `champion` is the method of the model that stands; `fit` the regression's, by
    Spark.

    Raises `ForecastError` where no method could be fitted.
    """
    panel = history.panel.with_total()
    statistical.load()
    with ThreadPoolExecutor(1) as pool:  # Spark works in a process of its own, which takes time to start
        fitting = pool.submit(_fitted, panel, fit)
        test = backtest(panel, history.sparse)
        fitted, latest = fitting.result()
    if fitted:
        test = with_regression(test, fitted, history.sparse)
    method, baseline = choose(test), best_baseline(test)
    within, loss = _reliability(test, method)
    return Trained(
        model=_model(test, panel, method, latest if method == REGRESSION else {}),
        fallback=_model(test, panel, baseline, {}),
        verdict=judge(test, method, champion),
        scores=tuple(_score(test, name) for name in test.judging.said),
        coverage=within,
        pinball=loss,
        windows=len(test.windows),
    )


def _fitted(panel: Panel, fit: Fit | None) -> tuple[Mapping[int, Fitted], Fitted]:
    """The regression at each origin and on all months."""
    if fit is None:
        return {}, {}
    at = plan(panel.months).origins
    *earlier, latest = fit([*(panel.until(months) for months in at), panel])
    return dict(zip(at, earlier, strict=True)), latest


def _model(test: Backtest, panel: Panel, method: str, coefficients: Fitted) -> Model:
    spread = variances(test.windows, method)
    return Model(
        method=method,
        calibration=calibrate(reconciled_scores(test.windows, method, spread)),
        variances=dict(zip(panel.names, spread.tolist(), strict=True)),
        trained_from=period(panel.first),
        trained_through=period(panel.end - 1),
        coefficients=coefficients,
    )


def _score(test: Backtest, method: str) -> Score:
    last = test.judging
    return Score(
        method,
        window_mase(test.choosing, method),
        window_mase([last], method),
        owa(last.known, last.actual, last.said[method]),
    )


def _reliability(test: Backtest, method: str) -> tuple[float, float]:
    """Coverage, and the mean pinball loss of both bounds, on the last window of intervals that were
    calibrated on the earlier ones."""
    spread = variances(test.choosing, method)
    calibration = calibrate(reconciled_scores(test.choosing, method, spread))
    last = test.judging
    lower, upper = calibration.interval(reconcile(last.said[method], spread), last.scale)
    tail = (1 - LEVEL) / 2
    losses = pinball(last.actual, lower, tail, last.scale), pinball(last.actual, upper, 1 - tail, last.scale)
    return coverage(last.actual, lower, upper), float(np.mean(losses))
