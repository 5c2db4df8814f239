"""The forecast from the warehouse to its table in staging, on a real PostgreSQL, MLflow and Spark."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from forecast.months import first_day, period
from forecast.registry import SALES as NAME
from forecast.registry import Registry
from forecast.series import TOTAL, History, Panel
from softcart_assets.forecast.common import CANDIDATE, CHAMPION, PRETRAINED, SALES, SALES_2023
from tests.forecast.histories import FIRST, SHARES, expected, shop, shuffled
from tests.forecast.landed_model import model_archive
from tests.integration.forecast.conftest import Warehouse, be_on, check, shown

MONTHS = 48
RETRAIN = {"train": {"retrain": True}}


def with_months(history: History, totals: list[float]) -> History:
    """The history with months more, each category having its share of their totals."""
    shares = np.array(list(SHARES.values()))[:, np.newaxis]
    values = np.hstack([history.panel.values, shares * np.array(totals)])
    return History(Panel(history.panel.first, history.panel.names, values, history.panel.starts), ())


def test_a_shop_with_trend_and_season_is_forecast_within_its_interval_and_at_rest_afterwards(
    warehouse: Warehouse,
) -> None:
    warehouse.hold(shop(MONTHS))
    result = warehouse.run()
    assert result.success
    assert check(result, "promotion").passed
    version = int(shown(result, CANDIDATE)["registered"].split()[-1])
    assert Registry.from_environment().champion(NAME) == version
    assert "linear_regression" in shown(result, CANDIDATE)["scores"]

    rows = warehouse.forecast()
    months = [period(FIRST + MONTHS + month) for month in range(12)]
    assert sorted({row[0] for row in rows}) == months
    assert {row[1] for row in rows} == {*SHARES, TOTAL}
    truth = dict(zip(months, expected(MONTHS + 12)[MONTHS:], strict=True))
    totals = {row[0]: row for row in rows if row[1] == TOTAL}
    inside = [totals[month][3] <= truth[month] <= totals[month][4] for month in months]
    assert sum(inside) >= 10
    for month in months:
        categories = [row[2] for row in rows if row[0] == month and row[1] != TOTAL]
        assert round(sum(categories), 2) == totals[month][2]
    assert shown(result, SALES)["chart"].startswith("![Sales by month")

    batches = warehouse.query("SELECT max(_batch) FROM raw.sales_forecast")
    again = warehouse.run()
    assert again.success
    assert not shown(again, CANDIDATE)["trained"]
    assert check(again, "promotion").description == "nothing was trained: what stands goes on standing"
    assert shown(again, SALES)["chart"] == shown(result, SALES)["chart"]
    assert warehouse.forecast() == rows
    assert warehouse.query("SELECT max(_batch) FROM raw.sales_forecast") == batches


def test_nothing_is_promoted_on_a_shuffled_history_and_the_baseline_speaks_under_its_name(
    warehouse: Warehouse,
) -> None:
    warehouse.hold(shuffled(shop(MONTHS), 1))
    result = warehouse.run()
    refused = check(result, "promotion")
    assert result.success
    assert not refused.passed
    assert refused.severity is dg.AssetCheckSeverity.WARN
    assert "is refused" in (refused.description or "")
    assert shown(result, CHAMPION)["note"] == "no model has been promoted yet"
    (model,) = {row[5] for row in warehouse.forecast()}
    assert model in {"seasonal_naive", "last_year", "historical_mean", "straight_line"}
    assert "no model has been promoted" in shown(result, SALES)["model"]


def test_a_refused_model_stops_the_run_where_one_stands_and_that_one_goes_on_standing(
    warehouse: Warehouse,
) -> None:
    warehouse.hold(shop(MONTHS))
    standing = shown(warehouse.run(), CHAMPION)["registered"]
    rows = warehouse.forecast()

    warehouse.hold(shuffled(shop(MONTHS), 1))
    refused = warehouse.run(**RETRAIN)
    assert not refused.success
    assert check(refused, "promotion").severity is dg.AssetCheckSeverity.ERROR
    assert warehouse.forecast() == rows

    after = warehouse.run()
    assert after.success
    assert shown(after, CHAMPION)["registered"] == standing
    assert shown(after, SALES)["model"].endswith(standing)


def test_one_command_goes_back_to_an_earlier_model_and_no_run_undoes_that(warehouse: Warehouse) -> None:
    warehouse.hold(shop(MONTHS))
    first = shown(warehouse.run(), CHAMPION)["registered"]
    second = shown(warehouse.run(**RETRAIN), CHAMPION)
    assert second["registered"] != first

    config = json.loads(shlex.split(second["to_go_back"])[-1])
    back = warehouse.run(promote=config["ops"]["promote"]["config"])
    assert shown(back, CHAMPION)["registered"] == first
    assert Registry.from_environment().champion(NAME) == int(first.split()[-1])
    assert shown(warehouse.run(), CHAMPION)["registered"] == first


def test_a_version_that_is_not_there_is_named(warehouse: Warehouse) -> None:
    warehouse.hold(shop(MONTHS))
    result = warehouse.run(promote={"version": 999_999})
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    assert "999999" in (failed.step_failure_data.user_failure_data.description or "")  # type: ignore[union-attr]


def test_a_month_that_came_is_learned_from_without_training(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = shop(MONTHS)
    warehouse.hold(history)
    standing = shown(warehouse.run(), CHAMPION)["registered"]
    warehouse.hold(with_months(history, [float(expected(MONTHS + 1)[MONTHS])]))
    be_on(first_day(FIRST + MONTHS + 1), monkeypatch)
    result = warehouse.run()
    assert not shown(result, CANDIDATE)["trained"]
    assert shown(result, CHAMPION)["registered"] == standing
    assert {row[0] for row in warehouse.forecast()} == {period(FIRST + MONTHS + 1 + n) for n in range(12)}


def test_drift_is_found_when_sales_leave_their_interval_and_a_new_model_is_trained(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = shop(MONTHS)
    warehouse.hold(history)
    warehouse.run()
    collapsed = [float(value) / 3 for value in expected(MONTHS + 4)[MONTHS:]]
    warehouse.hold(with_months(history, collapsed))
    be_on(first_day(FIRST + MONTHS + 4), monkeypatch)
    result = warehouse.run()
    assert shown(result, CANDIDATE)["trained"]
    assert "drift was found: 4 of the last 4 months" in shown(result, CANDIDATE)["note"]


def test_too_short_a_history_says_so_and_forecasts_nothing(warehouse: Warehouse) -> None:
    warehouse.hold(shop(20))
    result = warehouse.run()
    assert result.success
    assert "20 finished months of sales are too few" in shown(result, CANDIDATE)["note"]
    assert shown(result, SALES)["note"] == "no model was trained, so nothing is forecast"
    assert warehouse.forecast() == []


def test_the_landed_model_predicts_2023_to_the_last_digit_and_once(warehouse: Warehouse) -> None:
    warehouse.hold(shop(20))
    model_archive(warehouse.landing, intercept=-5000.1)
    result = warehouse.run()
    expected_sales = -5000.1 + 2.5 * 2023
    assert result.success
    assert shown(result, SALES_2023)["prediction"] == expected_sales
    assert shown(result, PRETRAINED)["coefficients"] == {"intercept": -5000.1, "year": 2.5}
    (row,) = warehouse.forecast()
    assert row == ("2023", TOTAL, expected_sales, None, None, "pretrained")

    again = warehouse.run()
    assert shown(again, PRETRAINED)["registered"] == shown(result, PRETRAINED)["registered"]
    assert shown(again, SALES_2023)["prediction"] == expected_sales


def test_nothing_landed_is_said(warehouse: Warehouse) -> None:
    warehouse.hold(shop(20))
    result = warehouse.run()
    assert shown(result, PRETRAINED)["note"] == "no sales_prediction.model.tar.gz has been landed"
    assert shown(result, SALES_2023)["dagster/row_count"] == 0


def test_a_landed_pickle_fails_its_asset_by_name(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.hold(shop(20))
    harm = tmp_path / "harm"
    (warehouse.landing / "sales_prediction.pkl").write_text(f"cos\nsystem\n(S'touch {harm}'\ntR.")
    result = warehouse.run()
    assert not result.success
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    description = failed.step_failure_data.user_failure_data.description  # type: ignore[union-attr]
    assert (description or "").startswith("sales_prediction.pkl is a pickle")
    assert not harm.exists()
