import datetime as dt

import numpy as np
import pytest

from forecast.errors import HistoryTooShort
from forecast.months import month_number, period
from forecast.series import MonthlySales, monthly_history
from tests.forecast.histories import FIRST, all_days, history_of, sales

NOTHING = float("nan")


def test_a_month_that_is_not_over_is_left_out_and_named() -> None:
    history = history_of({"Toys": [10.0] * 36}, today=dt.date(2023, 12, 20))
    assert history.panel.months == 35
    assert history.notes == ("2023-12 is not over and left out",)


def test_a_last_month_whose_sales_break_off_is_left_out_though_it_is_over() -> None:
    days = [day for day in all_days(FIRST, 36) if day <= dt.date(2023, 12, 14)]
    history = monthly_history(sales({"Toys": [10.0] * 36}), days, dt.date(2026, 1, 1))
    assert period(history.panel.end - 1) == "2023-11"
    assert history.notes == ("2023-12 has sales up to 2023-12-14 only and is left out",)


def test_a_first_month_that_begins_late_is_left_out() -> None:
    days = [day for day in all_days(FIRST, 40) if day >= dt.date(2021, 1, 20)]
    history = monthly_history(sales({"Toys": [10.0] * 40}), days, dt.date(2026, 1, 1))
    assert period(history.panel.first) == "2021-02"
    assert history.notes == ("2021-01 has sales from 2021-01-20 on only and is left out",)


def test_a_shop_that_closes_now_and_then_has_whole_months_all_the_same() -> None:
    days = [day for day in all_days(FIRST, 36) if not (day.month in (8, 12) and day.day > 20)]
    history = monthly_history(sales({"Toys": [10.0] * 36}), days, dt.date(2026, 1, 1))
    assert (history.panel.months, history.notes) == (36, ())


def test_sales_dated_by_month_only_are_whole_months() -> None:
    days = [day for day in all_days(FIRST, 36) if day.day == 1]
    assert monthly_history(sales({"Toys": [10.0] * 36}), days, dt.date(2026, 1, 1)).panel.months == 36


def test_months_in_the_future_are_left_out_and_named() -> None:
    history = history_of({"Toys": [10.0] * 40}, today=dt.date(2023, 12, 20))
    assert history.panel.months == 35
    assert "4 months that lie in the future are left out, from 2024-01 on" in history.notes


def test_too_short_a_history_says_how_many_months_are_needed() -> None:
    with pytest.raises(
        HistoryTooShort, match="29 finished months of sales are too few for a forecast, which needs 30"
    ):
        history_of({"Toys": [10.0] * 29})


def test_a_shop_without_any_sale_is_too_short_a_history() -> None:
    with pytest.raises(HistoryTooShort, match="0 finished months"):
        monthly_history([], [], dt.date(2026, 1, 1))


def test_a_short_gap_is_filled_by_a_line_and_named() -> None:
    amounts = [100.0] * 20 + [NOTHING, NOTHING] + [130.0] * 18
    history = history_of({"Toys": amounts})
    assert history.panel.values[0, 19:23] == pytest.approx([100, 110, 120, 130])
    assert history.notes == (
        "no sales at all in 2022-09, 2022-10: filled by a line between the months around",
    )


def test_a_history_begins_anew_behind_a_long_gap() -> None:
    history = history_of({"Toys": [100.0] * 5 + [NOTHING] * 3 + [130.0] * 31})
    assert period(history.panel.first) == "2021-09"
    assert history.notes == ("no sales in the 3 months before 2021-09: the history begins there",)


def test_a_month_without_sales_is_a_zero_where_other_categories_sold() -> None:
    history = history_of({"Toys": [10.0] * 30 + [NOTHING] + [10.0] * 5, "Books": [5.0] * 36})
    assert history.panel.values[1, 30] == 0
    assert history.notes == ()


@pytest.mark.parametrize(
    "amounts",
    [[0.0] * 16 + [9.0] * 20, [9.0] * 24 + [0.0] * 12, [9.0, 0.0, 0.0] * 12],
    ids=["young", "asleep", "now and then"],
)
def test_a_category_that_cannot_show_a_season_is_named(amounts: list[float]) -> None:
    history = history_of({"Books": [5.0] * 36, "Garden": amounts})
    assert history.sparse == ("Garden",)
    assert history.notes[-1].endswith("forecast by the mean of the last year: Garden")


def test_a_negative_month_stays_and_is_named() -> None:
    history = history_of({"Books": [5.0] * 36, "Toys": [9.0] * 35 + [-2.0]})
    assert history.panel.values[1, -1] == -2
    assert history.notes == ("more was returned than sold, which stays as it is: Toys in 2023-12",)


def test_sales_without_a_known_day_are_in_no_month_and_counted() -> None:
    rows = [*sales({"Toys": [10.0] * 36}), MonthlySales(None, None, "Toys", 77.5)]
    history = monthly_history(rows, all_days(FIRST, 36), dt.date(2026, 1, 1))
    assert history.panel.values.sum() == 360
    assert history.notes == ("sales of 77.50 without a known day are in no month",)


def test_a_category_that_is_called_total_is_not_taken_for_the_total() -> None:
    assert history_of({"Total": [10.0] * 36}).panel.names == ('"Total" (category)',)


def test_months_are_counted_across_years() -> None:
    assert [period(month_number(2023, 11) + step) for step in range(3)] == ["2023-11", "2023-12", "2024-01"]


def test_the_total_is_the_sum_of_all_categories() -> None:
    panel = history_of({"Books": [5.0] * 36, "Toys": [9.0] * 36}).panel.with_total()
    assert panel.names[-1] == "total"
    assert np.array_equal(panel.values[-1], np.full(36, 14.0))
