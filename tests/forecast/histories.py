"""Shops of which trend and season are known, as histories."""

from __future__ import annotations

import datetime as dt

import numpy as np

from forecast.months import YEAR, Floats, month_number, period
from forecast.series import History, MonthlySales, Panel, monthly_history

FIRST = month_number(2021, 1)
TODAY = dt.date(2025, 1, 15)
SEASON = np.array([0.8, 0.7, 0.9, 1.0, 1.0, 0.9, 0.8, 0.9, 1.0, 1.1, 1.4, 1.5])
SHARES = {"Books": 0.2, "Sports": 0.3, "Toys": 0.5}


def expected(months: int, share: float = 1.0) -> Floats:
    """Sales of a shop that grows by a tenth of its beginning each year, with the season of SEASON."""
    at = np.arange(months)
    return np.asarray(share * 100_000 * (1 + 0.1 * at / YEAR) * SEASON[at % YEAR], dtype=float)


def shop(months: int, noise: float = 0.02, seed: int = 7) -> History:
    """Its history, in which each month is off by a little."""
    rng = np.random.default_rng(seed)
    values = np.array(
        [expected(months, share) * (1 + noise * rng.standard_normal(months)) for share in SHARES.values()]
    )
    return History(Panel(FIRST, tuple(SHARES), values, (0,) * len(SHARES)), ())


def shuffled(history: History, seed: int) -> History:
    """The same months in another order."""
    panel = history.panel
    order = np.random.default_rng(seed).permutation(panel.months)
    return History(Panel(panel.first, panel.names, panel.values[:, order], panel.starts), ())


def sales(amounts: dict[str, list[float]], first: int = FIRST) -> list[MonthlySales]:
    """Monthly sales by category; months without an amount are left out, as the warehouse does."""
    return [
        MonthlySales(*map(int, period(first + month).split("-")), name, amount)
        for name, values in amounts.items()
        for month, amount in enumerate(values)
        if not np.isnan(amount)
    ]


def all_days(first: int, months: int) -> list[dt.date]:
    """Each day of these months."""
    begin = dt.date(first // YEAR, first % YEAR + 1, 1)
    end = first + months
    until = dt.date(end // YEAR, end % YEAR + 1, 1)
    return [begin + dt.timedelta(number) for number in range((until - begin).days)]


def history_of(amounts: dict[str, list[float]], today: dt.date = TODAY) -> History:
    """The history of a shop that sold something on every day."""
    months = max(map(len, amounts.values()))
    return monthly_history(sales(amounts), all_days(FIRST, months), today)
