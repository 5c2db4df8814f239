import json
from dataclasses import replace

import numpy as np
import pytest

from forecast.backtest import backtest, plan
from forecast.baselines import BASELINES
from forecast.errors import ForecastError
from forecast.intervals import Calibration
from forecast.methods import ENSEMBLE, forecast_by, models
from forecast.model import Model
from forecast.months import days_in
from forecast.promotion import judge
from forecast.series import MIN_MONTHS, TOTAL, History, Panel
from forecast.training import Trained, train
from tests.forecast.histories import FIRST, SHARES, expected, history_of, shop, shuffled

MONTHS = 48


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(shop(MONTHS))


def test_a_known_trend_and_season_are_recovered_within_their_interval(trained: Trained) -> None:
    forecast = trained.model.forecast(shop(MONTHS), 12)
    truth = {
        (name, month): value
        for name, share in {**SHARES, TOTAL: 1.0}.items()
        for month, value in enumerate(expected(MONTHS + 12, share)[MONTHS:])
    }
    periods = sorted({row.period for row in forecast.rows})
    inside = [
        row.lower <= truth[row.category, periods.index(row.period)] <= row.upper for row in forecast.rows
    ]
    assert (len(periods), periods[0], periods[-1]) == (12, "2025-01", "2025-12")
    assert sum(inside) >= 0.9 * len(inside)
    total = sum(row.sales for row in forecast.rows if row.category == TOTAL)
    assert total == pytest.approx(expected(MONTHS + 12)[MONTHS:].sum(), rel=0.03)


def test_a_known_trend_and_season_beat_every_baseline_and_are_promoted(trained: Trained) -> None:
    assert trained.verdict.is_promoted, str(trained.verdict)
    scores = {score.method: score.judging for score in trained.scores}
    assert scores[trained.model.method] < 0.8 * min(scores[name] for name in BASELINES)
    assert str(trained.verdict).startswith(f"{trained.model.method} beats the best baseline")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_promoted_on_a_shuffled_history(seed: int) -> None:
    verdict = train(shuffled(shop(MONTHS), seed)).verdict
    assert not verdict.is_promoted
    assert "is refused: " in str(verdict)
    assert "baseline" in str(verdict)


def test_a_model_that_is_worse_than_the_one_that_stands_is_refused() -> None:
    test = backtest(shop(MONTHS).panel.with_total(), ())
    better = {ENSEMBLE: test.judging.actual, "ets": test.judging.actual * 1.01}
    test = replace(test, judging=replace(test.judging, said={**test.judging.said, **better}))
    assert judge(test, "ets", None).is_promoted
    assert judge(test, ENSEMBLE, "ets").is_promoted
    (reason,) = judge(test, "ets", ENSEMBLE).reasons
    assert reason.startswith("on the last months it is worse than ensemble, which stands")


def test_the_same_history_gives_the_same_model_and_the_same_figures(trained: Trained) -> None:
    again = train(shop(MONTHS))
    assert again.model.to_json() == trained.model.to_json()
    assert again.model.forecast(shop(MONTHS), 24) == trained.model.forecast(shop(MONTHS), 24)


def test_a_model_survives_being_text(trained: Trained) -> None:
    read = Model.from_json(trained.model.to_json())
    assert read == trained.model
    assert read.forecast(shop(MONTHS), 3) == trained.model.forecast(shop(MONTHS), 3)


def test_a_model_of_another_release_is_refused(trained: Trained) -> None:
    text = json.dumps({**json.loads(trained.model.to_json()), "format": 0})
    with pytest.raises(ForecastError, match="train one anew"):
        Model.from_json(text)


def test_categories_add_up_to_the_total_to_the_cent(trained: Trained) -> None:
    rows = trained.model.forecast(shop(MONTHS), 6).rows
    for period in {row.period for row in rows}:
        month = {row.category: row.sales for row in rows if row.period == period}
        assert round(sum(month[name] for name in SHARES), 2) == month[TOTAL]


def test_the_last_window_judges_and_no_window_that_chooses_overlaps_it() -> None:
    for months in range(MIN_MONTHS, 150):
        planned = plan(months)
        assert planned.judging + planned.judging_months == months
        assert planned.choosing
        assert min(planned.choosing) >= 24
        assert max(planned.choosing) + planned.choosing_months == planned.judging


def test_a_short_february_is_neither_trend_nor_season() -> None:
    days = days_in(FIRST, MONTHS + 12)
    panel = Panel(FIRST, ("Toys",), 10 * days[np.newaxis, :MONTHS], (0,))
    assert forecast_by("ets", panel, 12, {}, ())[0] == pytest.approx(10 * days[MONTHS:])


def test_sales_that_never_were_negative_are_not_forecast_to_be(trained: Trained) -> None:
    ends = [1000.0 * month for month in range(35, -1, -1)]
    history = history_of({"Books": ends, "Toys": [10.0] * 36})
    rows = trained.model.forecast(history, 12).rows
    assert min(min(row.sales, row.lower) for row in rows) == 0


def test_returns_may_be_forecast_where_a_month_was_negative() -> None:
    history = history_of({"Books": [-5.0, -9.0] * 18, "Toys": [10.0] * 36})
    model = Model("last_year", Calibration(0.8, (1.0,)), {}, "", "")
    assert {row.sales for row in model.forecast(history, 2).rows if row.category == "Books"} == {-7.0}


def test_a_category_that_cannot_show_a_season_is_forecast_by_the_mean_of_its_last_year(
    trained: Trained,
) -> None:
    panel = shop(MONTHS).panel
    young = np.zeros(MONTHS)
    young[-10:] = 60 * days_in(panel.end - 10, 10)
    history = History(
        Panel(
            panel.first, (*panel.names, "Garden"), np.vstack([panel.values, young]), (0, 0, 0, MONTHS - 10)
        ),
        (),
    )
    assert history.sparse == ("Garden",)
    model = replace(trained.model, variances={**trained.model.variances, "Garden": 0.0})
    garden = [row.sales for row in model.forecast(history, 2).rows if row.category == "Garden"]
    assert garden == pytest.approx([60 * 31, 60 * 28])


def test_a_method_that_finds_no_number_is_no_candidate() -> None:
    said = {"ets": np.array([[np.nan]]), "ces": np.array([[1.0]]), "last_year": np.array([[1.0]])}
    assert models(said) == ["ces"]
