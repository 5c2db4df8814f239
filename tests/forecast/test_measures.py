"""Measures, intervals, reconciliation and drift against figures worked out by hand."""

import math

import numpy as np
import pytest

from forecast.baselines import historical_mean, last_year, seasonal_naive, straight_line
from forecast.drift import measure_drift
from forecast.intervals import Calibration, calibrate
from forecast.metrics import coverage, mase, naive2, owa, pinball, scales, smape
from forecast.reconciliation import reconcile
from forecast.series import Panel
from tests.forecast.histories import SEASON, expected


def panel(*rows: list[float]) -> Panel:
    return Panel(0, tuple(f"row {number}" for number in range(len(rows))), np.array(rows), (0,) * len(rows))


YEARS = panel([float(month) for month in range(24)])


def test_errors_are_scaled_by_the_change_from_the_same_month_a_year_before() -> None:
    assert scales(YEARS) == pytest.approx([12])
    assert mase(np.array([[24.0, 25.0]]), np.array([[30.0, 13.0]]), scales(YEARS)) == pytest.approx(0.75)


def test_a_series_that_never_changed_has_a_scale() -> None:
    assert scales(panel([5.0] * 24, [0.0] * 24)) == pytest.approx([5, 1])


def test_smape_is_symmetric_and_takes_two_zeros_for_no_error() -> None:
    assert smape(np.array([[100.0, 0.0]]), np.array([[50.0, 0.0]])) == pytest.approx(200 / 3 / 2)


def test_naive2_knows_the_season_of_a_seasonal_series() -> None:
    season = panel(np.tile(SEASON, 4).tolist())
    assert naive2(season, 12)[0] == pytest.approx(SEASON)


def test_naive2_has_an_owa_of_one() -> None:
    known, actual = panel(expected(48).tolist()), expected(60)[np.newaxis, 48:]
    assert owa(known, actual, naive2(known, 12)) == pytest.approx(1)


def test_owa_is_not_defined_where_a_month_is_not_positive() -> None:
    assert owa(panel([0.0, *[1.0] * 47]), np.ones((1, 3)), np.ones((1, 3))) is None


def test_coverage_counts_both_ends_in() -> None:
    assert coverage(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 2.0), np.full(4, 3.0)) == 0.5


def test_pinball_loss_weighs_a_miss_by_its_side() -> None:
    one = np.array([1.0])
    assert pinball(np.array([[10.0]]), np.array([[8.0]]), 0.9, one) == pytest.approx(1.8)
    assert pinball(np.array([[8.0]]), np.array([[10.0]]), 0.9, one) == pytest.approx(0.2)


def test_the_baselines_are_what_their_names_say() -> None:
    assert seasonal_naive(YEARS, 13)[0].tolist() == [*range(12, 24), 12]
    assert last_year(YEARS, 2)[0].tolist() == [17.5, 17.5]
    assert historical_mean(YEARS, 2)[0].tolist() == [11.5, 11.5]
    assert straight_line(YEARS, 13)[0] == pytest.approx([*[29.5] * 12, 41.5])


def test_a_calibration_takes_the_conformal_quantile_of_the_scores() -> None:
    scores = np.arange(1.0, 100.0)[:, np.newaxis]
    assert calibrate([scores], 0.8).widths == (80.0,)


def test_few_scores_are_pooled_with_those_of_neighbouring_months() -> None:
    window = np.array([[1.0, 2.0, 3.0]])
    assert calibrate([window], 0.5).widths == (2.0, 2.0, 2.0)


def test_widths_never_shrink_and_grow_as_a_random_walk_beyond_what_was_seen() -> None:
    near, far = np.full((60, 1), 3.0), np.full((60, 1), 2.0)
    calibration = calibrate([np.hstack([near, far])])
    assert calibration.widths == (3.0, 3.0)
    assert calibration.at(8)[-1] == pytest.approx(3 * math.sqrt(8 / 2))


def test_an_interval_is_as_wide_as_the_scale_of_its_series() -> None:
    lower, upper = Calibration(0.8, (2.0,)).interval(np.array([[10.0], [10.0]]), np.array([1.0, 3.0]))
    assert (lower.ravel().tolist(), upper.ravel().tolist()) == ([8, 4], [12, 16])


def test_reconciled_categories_add_up_and_those_that_erred_more_move_more() -> None:
    said = reconcile(np.array([[10.0], [10.0], [26.0]]), np.array([1.0, 3.0, 2.0]))
    assert said.ravel().tolist() == pytest.approx([11, 13, 24])


def test_reconciliation_is_the_least_squares_solution() -> None:
    rng = np.random.default_rng(1)
    base, variances = rng.normal(100, 20, (5, 3)), rng.uniform(1, 9, 5)
    summing = np.vstack([np.eye(4), np.ones(4)])
    weights = np.diag(1 / variances)
    mint = summing @ np.linalg.solve(summing.T @ weights @ summing, summing.T @ weights @ base)
    assert reconcile(base, variances) == pytest.approx(mint)


def test_drift_is_found_when_chance_would_hardly_have_it() -> None:
    chance = 1 - sum(math.comb(12, n) * 0.2**n * 0.8 ** (12 - n) for n in range(6))
    drift = measure_drift([False] * 6 + [True] * 6, 0.8)
    assert drift.p_value == pytest.approx(chance)
    assert drift.is_found
    assert not measure_drift([False] * 4 + [True] * 8, 0.8).is_found


def test_drift_is_not_judged_by_two_months() -> None:
    drift = measure_drift([False, False], 0.8)
    assert not drift.is_found
    assert str(drift) == "2 months have come since they were forecast; 3 are needed to judge"
