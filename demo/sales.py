"""The demo shop's sales: three years of history for the warehouse and the current ones of the shop.

Both are drawn a day at a time, so memory does not grow with the number of sales. How many fall on a day and
in a category follows from trend, season and weekday (`demand`), to exactly the total that was asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from demo.catalog import FIRST_PRODUCT, Catalog
from demo.chance import Floats, Ints, generator, popular, shuffled, weighted
from demo.customers import FIRST_CUSTOMER, customer_count
from demo.market import (
    CATEGORIES,
    COUNTRIES,
    CURRENT_END,
    CURRENT_START,
    HISTORY_START,
    HOURS,
    PRICE_RISE,
    WEEKDAYS,
    Category,
)
from demo.returns import with_returns

HISTORY_PER_SALE = 3
_WEEKEND = 5  # date.weekday() of Saturday
_PROMOTED = 0.08
_DISCOUNTS = (10, 15, 20, 25)


class DaySales(NamedTuple):
    """The sales of one day in the shop's own database, a column each, in the order of their times.

    `cents` is the price of one piece, `moment` the second of the day. What comes back has a quantity
    below 0."""

    date: dt.date
    product_id: list[int]
    customer_id: list[int]
    cents: list[int]
    quantity: list[int]
    moment: list[int]


class DayHistory(NamedTuple):
    """The sales of one day of history, a column each; `country` and `category` count from 0, `cents` is the
    amount."""

    country: list[int]
    category: list[int]
    cents: list[int]


@dataclass(frozen=True)
class _Basket:
    """What was bought on one day, a column each."""

    category: Ints
    product: Ints
    quantity: Ints


def days(start: dt.date, end: dt.date) -> list[dt.date]:
    """The days from `start` to the one before `end`."""
    return [start + dt.timedelta(n) for n in range((end - start).days)]


def demand(calendar: Sequence[dt.date]) -> Floats:
    """The expected weight of each day (row) in each category (column)."""

    def weight(day: dt.date, category: Category) -> float:
        trend: float = (1 + category.growth) ** ((day - HISTORY_START).days / 365.25)
        weekend = category.weekend if day.weekday() >= _WEEKEND else 1.0
        return category.share * trend * category.season[day.month - 1] * WEEKDAYS[day.weekday()] * weekend

    return np.array([[weight(day, category) for category in CATEGORIES] for day in calendar])


def history_sales(seed: int, size: int, catalog: Catalog) -> Iterator[DayHistory]:
    """`HISTORY_PER_SALE` times `size` sales, day after day from HISTORY_START on."""
    rng = generator(seed, "history")
    calendar = days(HISTORY_START, CURRENT_START)
    shares = [country.share for country in COUNTRIES]
    for day, counts in zip(calendar, _daily_counts(rng, calendar, HISTORY_PER_SALE * size), strict=True):
        bought = _basket(rng, catalog, counts)
        cheaper = (1 + PRICE_RISE) ** -((CURRENT_START - day).days / 365.25)
        piece = np.rint(catalog.cents[bought.product] * cheaper).astype(np.int64)
        country = weighted(rng, shares, len(piece))
        yield DayHistory(country.tolist(), bought.category.tolist(), (piece * bought.quantity).tolist())


def current_sales(seed: int, size: int, catalog: Catalog, until: dt.date = CURRENT_END) -> Iterator[DaySales]:
    """`size` sales and returns, day after day from CURRENT_START on; those before `until` are yielded."""
    for day, entries in with_returns(seed, _sold(seed, size, catalog)):
        if day == until:
            return
        yield DaySales(day, *entries.tolist())


def _sold(seed: int, size: int, catalog: Catalog) -> Iterator[tuple[dt.date, Ints]]:
    """`size` sales: for each day a row for product, customer, cents, quantity and second."""
    rng = generator(seed, "current")
    calendar = days(CURRENT_START, CURRENT_END)
    customers = customer_count(size)
    for day, counts in zip(calendar, _daily_counts(rng, calendar, size), strict=True):
        bought = _basket(rng, catalog, counts)
        rows = len(bought.product)
        buyer = shuffled(popular(rng, np.full(rows, customers)), customers)
        moment = weighted(rng, HOURS, rows) * 3600 + rng.integers(3600, size=rows)
        cents = _promoted(rng, catalog.cents[bought.product])
        columns = (bought.product + FIRST_PRODUCT, buyer + FIRST_CUSTOMER, cents, bought.quantity)
        yield day, np.stack([*columns, np.sort(moment)])


def _daily_counts(rng: np.random.Generator, calendar: Sequence[dt.date], total: int) -> Ints:
    """How many of `total` sales fall on each day in each category; days differ a little from the demand."""
    weights = demand(calendar) * rng.lognormal(0, 0.06, size=(len(calendar), 1))
    return rng.multinomial(total, (weights / weights.sum()).ravel()).reshape(weights.shape)


def _basket(rng: np.random.Generator, catalog: Catalog, counts: Ints) -> _Basket:
    category = np.repeat(np.arange(len(CATEGORIES)), counts)
    rng.shuffle(category)
    product = catalog.ranked[catalog.first[category] + popular(rng, catalog.members[category])]
    quantity = np.ones(len(category), dtype=np.int64)
    luck = rng.random(len(category))
    for number, kind in enumerate(CATEGORIES):
        mine = category == number
        quantity[mine] += np.searchsorted(np.cumsum(kind.baskets[:-1]), luck[mine], side="right")
    return _Basket(category, product, quantity)


def _promoted(rng: np.random.Generator, cents: Ints) -> Ints:
    """The catalog's prices, some of them reduced by a promotion."""
    discount = np.array(_DISCOUNTS)[rng.integers(len(_DISCOUNTS), size=len(cents))]
    reduced = cents * (100 - discount) // 100
    return np.where(rng.random(len(cents)) < _PROMOTED, reduced, cents)
