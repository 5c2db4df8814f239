"""The regression as Spark fits it."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.features import LAGS, design, waves_for
from forecast.methods import regression_forecast
from forecast.regression import RIDGE, Coefficients, fit, predict
from forecast.series import Panel
from resources.spark import SparkResource
from tests.forecast.histories import FIRST, SHARES, expected, shop


def test_spark_finds_the_ridge_solution_of_each_series(spark: SparkResource) -> None:
    panel = shop(48).panel
    fitted, again = (fit(spark.session, [panel, panel.until(36)])[0] for _ in range(2))
    assert fitted == again
    # Spark divides squared errors by the rows of all series in the fit, here of two panels.
    rows = len(SHARES) * (48 + 36 - 2 * max(LAGS))
    for name, row in zip(panel.names, panel.rows(), strict=True):
        seen, targets = design(np.log(row) - np.log(row).mean(), FIRST, waves_for(48))
        scaled = (seen - seen.mean(axis=0)) / seen.std(axis=0)
        solution = np.linalg.solve(
            scaled.T @ scaled / rows + RIDGE / (2 * len(SHARES)) * np.eye(seen.shape[1]),
            scaled.T @ (targets - targets.mean()) / targets.std() / rows,
        )
        assert fitted[name].weights == pytest.approx((solution * targets.std()).tolist(), rel=1e-6)


def test_the_regression_recovers_trend_and_season(spark: SparkResource) -> None:
    panel = shop(60, noise=0.005).panel
    (fitted,) = fit(spark.session, [panel])
    said = regression_forecast(panel, 12, fitted)
    truth = np.array([expected(72, share)[60:] for share in SHARES.values()])
    assert np.abs(said / truth - 1).mean() < 0.05


def test_a_series_without_coefficients_has_no_forecast() -> None:
    panel = shop(48).panel
    assert np.isnan(predict({}, panel, 3)).all()


def test_a_forecast_that_runs_away_is_none() -> None:
    panel = Panel(FIRST, ("Toys",), np.arange(1.0, 37.0)[np.newaxis, :], (0,))
    wild = Coefficients((9.0, 0.0, 0.0, 2.0, 0.0), 0.0, (0.0,) * 5, (1.0,) * 5)
    assert np.isnan(predict({"Toys": wild}, panel, 12)).all()
