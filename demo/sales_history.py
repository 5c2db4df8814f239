"""The demo shop's sales history behind the dashboard: a line a sale, by day, category and item.

It is the record of an older till: it stood still for a weekend, so that days are missing, and on some days it
counted far too little or too much.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from demo.chance import Floats, generator
from demo.market import CURRENT_START, HISTORY_START, WEEKDAYS
from demo.sales import days

MISSING = (dt.date(2024, 3, 9), dt.date(2024, 3, 10))
"""Days on which nothing was recorded."""
BROKEN = {dt.date(2023, 9, 19): 0.1, dt.date(2025, 5, 14): 4.0, dt.date(2025, 5, 15): 3.5}
"""Days of which too little or too much was recorded, with the factor."""

LINES_PER_SALE = 2

_SPREAD = 0.35


@dataclass(frozen=True)
class Item:
    """What the till calls an item. `share` weighs its sales in the first year, `growth` is yearly, `season`
    the factor of each quarter, `price` the usual one."""

    category: str
    name: str
    share: float
    growth: float
    season: tuple[float, float, float, float]
    price: float


ITEMS = (
    Item("Electronics", "Mobile", 14, 0.16, (0.90, 0.90, 1.05, 1.30), 620),
    Item("Electronics", "Laptop", 11, 0.06, (0.90, 0.85, 1.20, 1.15), 980),
    Item("Electronics", "Tablet", 9, -0.08, (0.85, 0.90, 0.95, 1.45), 410),
    Item("Electronics", "Headphones", 8, 0.20, (0.85, 0.95, 0.95, 1.40), 90),
    Item("Ebooks", "Novel", 18, 0.09, (1.00, 0.95, 1.10, 1.00), 12),
    Item("Ebooks", "Cookery", 8, 0.04, (1.05, 0.90, 0.85, 1.25), 18),
    Item("Ebooks", "Science", 7, 0.12, (1.05, 1.00, 0.90, 1.05), 34),
    Item("Music", "Pop", 14, -0.12, (0.95, 1.00, 1.10, 1.00), 11),
    Item("Music", "Jazz", 6, -0.04, (1.00, 1.00, 0.95, 1.05), 15),
    Item("Music", "Classical", 5, 0.02, (1.00, 0.95, 0.85, 1.25), 16),
)


def sales_history_lines(seed: int, size: int) -> Iterator[str]:
    """`LINES_PER_SALE` times `size` lines of ecommerce.csv, day after day."""
    rng = generator(seed, "sales history")
    calendar = days(HISTORY_START, CURRENT_START)
    weights = _demand(calendar)
    counts = rng.multinomial(LINES_PER_SALE * size, (weights / weights.sum()).ravel()).reshape(weights.shape)
    for day, sold in zip(calendar, counts, strict=True):
        items = np.repeat(np.arange(len(ITEMS)), sold)
        rng.shuffle(items)
        luck = rng.lognormal(0, _SPREAD, size=len(items))
        date = f"{day.day},{day.month},{(day.month + 2) // 3},{day.year}"
        for number, factor in zip(items.tolist(), luck.tolist(), strict=True):
            item = ITEMS[number]
            yield f"{date},{item.category},{item.name},{max(1, round(item.price * factor))}\n"


def _demand(calendar: Sequence[dt.date]) -> Floats:
    """The expected weight of each day (row) and item (column)."""

    def weight(day: dt.date, item: Item) -> float:
        trend: float = (1 + item.growth) ** ((day - HISTORY_START).days / 365.25)
        recorded = 0.0 if day in MISSING else BROKEN.get(day, 1.0)
        return item.share * trend * item.season[(day.month - 1) // 3] * WEEKDAYS[day.weekday()] * recorded

    return np.array([[weight(day, item) for item in ITEMS] for day in calendar])
