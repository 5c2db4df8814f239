"""Goods that come back. A cancellation or a return is an entry of its own, as in every ledger: the sale's
product, customer and price, the quantity with a minus, at the time when it happened. The sale stays."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from demo.chance import Ints, generator, weighted

SHARE = 0.05
"""The share of the sales that are cancelled or come back."""
DELAYS = (0, 12, 0, 3, 5, 8, 10, 10, 9, 7, 6, 5, 4, 4, 3)
"""How likely that is so many days later: a cancellation by the next day, a return from the third on."""
_SECONDS = 86_400


def with_returns(seed: int, sales: Iterator[tuple[dt.date, Ints]]) -> Iterator[tuple[dt.date, Ints]]:
    """Some entries of each day replaced by what comes back on it, in the order of their times.

    A day is an array with a row for product, customer, cents, quantity and second, and a column a sale. Their
    number stays as it is; what comes back on a day with too few of them has to wait.
    """
    rng = generator(seed, "returns")
    due: defaultdict[dt.date, list[Ints]] = defaultdict(list)
    for day, sold in sales:
        returned = due.pop(day, [])
        most = sold.shape[1]
        due[day + dt.timedelta(1)] += returned[most:]
        returned = returned[:most]
        kept = sold[:, np.sort(rng.permutation(most)[len(returned) :])]
        back = kept[:, rng.random(kept.shape[1]) < SHARE]
        delays = weighted(rng, DELAYS, back.shape[1]).tolist()
        moments = rng.integers(_SECONDS, size=back.shape[1])
        product, customer, cents, quantity, _ = back
        entries = np.stack([product, customer, cents, -quantity, moments])
        for number, delay in enumerate(delays):
            due[day + dt.timedelta(delay)].append(entries[:, number])
        entered = np.column_stack([kept, *returned])
        yield day, entered[:, np.argsort(entered[4], kind="stable")]
