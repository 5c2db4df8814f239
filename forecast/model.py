"""A trained model: what has to be kept to forecast again, as plain data that a registry can store.

The method is fitted to the history as it is when it forecasts, but for the regression, whose coefficients are
the training's; what the training learned of the method's errors decides reconciliation and intervals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from forecast.baselines import last_year
from forecast.errors import ForecastError
from forecast.intervals import Calibration
from forecast.methods import forecast_by, not_below_zero, per_day
from forecast.metrics import scales
from forecast.months import Floats, period
from forecast.reconciliation import reconcile
from forecast.regression import Coefficients
from forecast.series import History, Panel

FORMAT = 1
CENTS = 2


@dataclass(frozen=True)
class Predicted:
    """One month of one category or of the total, in the shop's currency."""

    period: str
    category: str
    sales: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Forecast:
    """What a model says of the months to come, and what a reader should know."""

    rows: tuple[Predicted, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """A method with what a backtest learned of it. `variances` are of its errors, by series, the total's
    too."""

    method: str
    calibration: Calibration
    variances: Mapping[str, float]
    trained_from: str
    trained_through: str
    coefficients: Mapping[str, Coefficients] = field(default_factory=dict)

    def to_json(self) -> str:
        """The model as text: the same model is the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Model:
        """Read what `to_json()` wrote. Raises `ForecastError` for what another release wrote otherwise."""
        held: dict[str, Any] = json.loads(text)
        if held.pop("format", None) != FORMAT:
            raise ForecastError("the registered model is of another release's form: train one anew")
        return cls(
            method=held["method"],
            calibration=Calibration(held["calibration"]["level"], tuple(held["calibration"]["widths"])),
            variances=held["variances"],
            trained_from=held["trained_from"],
            trained_through=held["trained_through"],
            coefficients={
                name: Coefficients(
                    tuple(each["weights"]), each["intercept"], tuple(each["means"]), tuple(each["deviations"])
                )
                for name, each in held["coefficients"].items()
            },
        )

    def forecast(self, history: History, horizon: int) -> Forecast:
        """The months after the history, categories adding up to the total to the cent."""
        panel, notes = history.panel.with_total(), list(history.notes)
        said = self._said(panel, history.sparse, horizon, notes)
        scale = scales(panel)
        variances = np.array(
            [self.variances.get(name, own**2) for name, own in zip(panel.names, scale, strict=True)]
        )
        said = _adding_up(panel, reconcile(said, variances))
        lower, upper = self.calibration.interval(said, scale)
        lower, upper = np.round(not_below_zero(panel, lower), CENTS), np.round(upper, CENTS)
        rows = tuple(
            Predicted(
                period(panel.end + month),
                name,
                *(float(values[number, month]) for values in (said, lower, upper)),
            )
            for month in range(horizon)
            for number, name in enumerate(panel.names)
        )
        return Forecast(rows, tuple(notes))

    def _said(self, panel: Panel, sparse: tuple[str, ...], horizon: int, notes: list[str]) -> Floats:
        said = forecast_by(self.method, panel, horizon, self.coefficients, sparse)
        unknown = np.asarray(~np.isfinite(said.sum(axis=1)))
        if unknown.any():
            names = ", ".join(
                name for name, is_unknown in zip(panel.names, unknown, strict=True) if is_unknown
            )
            notes.append(f"{self.method} has no forecast of {names}: the mean of the last year stands in")
            said[unknown] = per_day(last_year)(panel, horizon)[unknown]
        return said


def _adding_up(panel: Panel, said: Floats) -> Floats:
    """Categories in cents, none below zero that never was, and their sum."""
    cents = np.round(not_below_zero(panel, said)[:-1], CENTS)
    return np.vstack([cents, np.round(cents.sum(axis=0), CENTS)])
