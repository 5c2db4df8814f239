"""The running shop, opened: what customers and staff do in it, in the proportions of a working day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from random import Random
from zoneinfo import ZoneInfo

from demo.assortment import Assortment
from demo.orders import Orders
from sync.connections.mongodb import connect_mongodb, mongodb_errors
from sync.connections.mysql import connect_mysql, mysql_errors
from sync.connections.urls import parse

EFFECTS = (
    "sales", "corrected", "cancelled", "refunded", "registered", "moved", "repriced", "renamed", "retired",
    "returned", "restocked",
)  # fmt: skip
"""What an act may change, counted in rows and documents; stock that moves with a sale is not counted."""

Act = Callable[[], Counter[str]]

_NETWORK_SECONDS = 20
_SELECTION_MILLISECONDS = 5_000
_BASKETS = (76, 14, 6, 3, 1)
"""The weights of buying one, two … products at once."""


@contextmanager
def open_shop(mysql_url: str, mongo_url: str, zone: ZoneInfo, rng: Random) -> Iterator[Act]:
    """Connect to both databases; each call of what is yielded does one thing and returns what it changed.

    A call that finds nothing to act on (no sale to cancel, no product to sell) returns an empty count. Raises
    `TransientError` when a server cannot be reached at the moment, `SyncError` for everything else.
    """
    sales_database, catalog_database = parse(mysql_url), parse(mongo_url)
    with (
        closing(
            connect_mysql(sales_database, read_timeout=_NETWORK_SECONDS, write_timeout=_NETWORK_SECONDS)
        ) as mysql,
        connect_mongodb(catalog_database, serverSelectionTimeoutMS=_SELECTION_MILLISECONDS) as mongo,
        mysql_errors(str(sales_database)),
        mongodb_errors(str(catalog_database)),
    ):
        orders = Orders(mysql, rng, zone)
        assortment = Assortment(mongo[catalog_database.database or "catalog"], rng)
        acts = _weighted_acts(orders, assortment, rng)
        yield lambda: rng.choices(list(acts), list(acts.values()))[0]()


def _weighted_acts(orders: Orders, assortment: Assortment, rng: Random) -> dict[Act, float]:
    def sell() -> Counter[str]:
        wanted = rng.choices(range(1, len(_BASKETS) + 1), _BASKETS)[0]
        offers = [offer for _ in range(wanted) if (offer := assortment.offer() or orders.resold())]
        return orders.sell(offers) if offers else Counter()

    return {
        sell: 63,
        orders.refund: 3,
        orders.correct: 7,
        orders.cancel: 4,
        orders.register: 6,
        orders.move: 2.5,
        orders.restock: 7,
        assortment.reprice: 4,
        assortment.rename: 1.5,
        assortment.retire_or_return: 2,
    }
