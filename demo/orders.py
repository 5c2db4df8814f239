"""What customers and the warehouse do in the running shop: the writes to the MySQL database `shop`.

Every method is one transaction and returns what it changed, in rows. Ids are found in the tables themselves,
by their index, so a shop of any size and origin will do, an empty one included.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pymysql import Connection
from pymysql.cursors import Cursor

from demo.assortment import Offer
from demo.chance import favourite
from demo.customers import email_address
from demo.market import COUNTRIES, Country
from demo.names import FIRST_NAMES, LAST_NAMES

_RECENT = 300
"""Corrections and cancellations reach back some so many sales …"""
_ANY_TIME = 0.2
"""… and this share of them to any sale that ever was."""


class Orders:
    """The shop's tables sales_data, customers and inventory; `zone` is the one that sales are dated in."""

    def __init__(self, connection: Connection[Any], rng: Random, zone: ZoneInfo) -> None:
        self._connection = connection
        self._rng = rng
        self._zone = zone
        # Sales may name customers that the table of customers lacks; new ones must not take their ids.
        with self._transaction() as cursor:
            self._highest_buyer: int = _row(cursor, "SELECT COALESCE(MAX(customer_id), 0) FROM sales_data")[0]

    def sell(self, offers: Sequence[Offer]) -> Counter[str]:
        """One customer buys: a row for each offer, and the stock goes down. New customers register first."""
        changed: Counter[str] = Counter()
        with self._transaction() as cursor:
            customer = self._customer(cursor)
            if customer is None:
                customer = self._register(cursor)
                changed["registered"] += 1
            moment = dt.datetime.now(self._zone).replace(tzinfo=None, microsecond=0)
            # In one order for all, or two baskets at once would deadlock on the stock.
            for offer in sorted(offers, key=lambda offer: offer.product_id):
                quantity = self._rng.choices((1, 2, 3, 4), (75, 17, 5, 3))[0]
                changed["sales"] += cursor.execute(
                    "INSERT INTO sales_data (product_id, customer_id, price, quantity, `timestamp`)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    (offer.product_id, customer, offer.price, quantity, moment),
                )
                _take_from_stock(cursor, offer.product_id, quantity)
        return changed

    def resold(self) -> Offer | None:
        """A product that was sold before, at the price it had then: where the catalog names no products."""
        with self._transaction() as cursor:
            sale = self._sale(cursor)
        return Offer(sale[1], sale[3]) if sale and sale[3] is not None else None

    def correct(self) -> Counter[str]:
        """A sale's quantity was wrong."""
        with self._transaction() as cursor:
            if (sale := self._sale(cursor)) is None:
                return Counter()
            rowid, product, old, _ = sale
            new = self._rng.choice([quantity for quantity in range(1, 6) if quantity != old])
            corrected = cursor.execute("UPDATE sales_data SET quantity = %s WHERE rowid = %s", (new, rowid))
            if corrected:
                _take_from_stock(cursor, product, new - (old or 0))
        return Counter(corrected=corrected)

    def cancel(self) -> Counter[str]:
        """A sale is cancelled: its row is deleted and the goods come back."""
        with self._transaction() as cursor:
            if (sale := self._sale(cursor)) is None:
                return Counter()
            rowid, product, quantity, _ = sale
            cancelled = cursor.execute("DELETE FROM sales_data WHERE rowid = %s", (rowid,))
            if cancelled:
                _take_from_stock(cursor, product, -(quantity or 0))
        return Counter(cancelled=cancelled)

    def refund(self) -> Counter[str]:
        """Goods come back into stock: an entry of its own, with the quantity below 0."""
        with self._transaction() as cursor:
            if (sale := self._sale(cursor)) is None or not sale[2]:
                return Counter()
            rowid, product, quantity, _ = sale
            moment = dt.datetime.now(self._zone).replace(tzinfo=None, microsecond=0)
            refunded = cursor.execute(
                "INSERT INTO sales_data (product_id, customer_id, price, quantity, `timestamp`)"
                " SELECT product_id, customer_id, price, -quantity, %s FROM sales_data WHERE rowid = %s",
                (moment, rowid),
            )
            _take_from_stock(cursor, product, -quantity)
        return Counter(refunded=refunded)

    def register(self) -> Counter[str]:
        """Somebody opens an account."""
        with self._transaction() as cursor:
            self._register(cursor)
        return Counter(registered=1)

    def move(self) -> Counter[str]:
        """A customer moves to another country."""
        with self._transaction() as cursor:
            if (customer := self._customer(cursor)) is None:
                return Counter()
            country, city = self._home()
            moved = cursor.execute(
                "UPDATE customers SET country = %s, city = %s WHERE customer_id = %s AND NOT country <=> %s",
                (country.name, city, customer, country.name),
            )
        return Counter(moved=moved)

    def restock(self) -> Counter[str]:
        """A delivery where the stock is low; elsewhere a count that finds a piece more than the books say."""
        with self._transaction() as cursor:
            lowest, highest = _row(cursor, "SELECT MIN(product_id), MAX(product_id) FROM inventory")
            if lowest is None:
                return Counter()
            restocked = cursor.execute(
                "UPDATE inventory"
                " SET quantity = quantity + IF(quantity <= reorder_level, 3 * reorder_level + 1, 1)"
                " WHERE product_id >= %s ORDER BY product_id LIMIT 1",
                (self._rng.randint(lowest, highest),),
            )
        return Counter(restocked=restocked)

    def _customer(self, cursor: Cursor) -> int | None:
        """The id of a customer, the good ones more often; None when there is none."""
        lowest, highest = _row(cursor, "SELECT MIN(customer_id), MAX(customer_id) FROM customers")
        if lowest is None:
            return None
        wanted = lowest + favourite(self._rng, highest - lowest + 1)
        nearest = "SELECT customer_id FROM customers WHERE customer_id >= %s ORDER BY customer_id LIMIT 1"
        found: int = _row(cursor, nearest, wanted)[0]
        return found

    def _register(self, cursor: Cursor) -> int:
        # The lock keeps a second process from taking the same id.
        highest = _row(cursor, "SELECT COALESCE(MAX(customer_id), 0) FROM customers FOR UPDATE")[0]
        customer_id: int = max(highest, self._highest_buyer) + 1
        first, last = self._rng.choice(FIRST_NAMES), self._rng.choice(LAST_NAMES)
        country, city = self._home()
        cursor.execute(
            "INSERT INTO customers (customer_id, first_name, last_name, email, city, country)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (customer_id, first, last, email_address(first, last, customer_id), city, country.name),
        )
        return customer_id

    def _home(self) -> tuple[Country, str]:
        country = self._rng.choices(COUNTRIES, [each.share for each in COUNTRIES])[0]
        return country, self._rng.choice(country.cities)

    def _sale(self, cursor: Cursor) -> tuple[Any, ...] | None:
        """Row id, product, quantity and price of a sale, mostly a recent one; None when there is none. Goods
        that came back are none."""
        lowest, highest = _row(cursor, "SELECT MIN(rowid), MAX(rowid) FROM sales_data")
        if lowest is None:
            return None
        recent = highest - int(self._rng.expovariate(1 / _RECENT))
        any_time = self._rng.randint(lowest, highest)
        wanted = any_time if self._rng.random() < _ANY_TIME else max(recent, lowest)
        nearest = (
            "SELECT rowid, product_id, quantity, price FROM sales_data"
            " WHERE rowid <= %s AND COALESCE(quantity, 0) >= 0 ORDER BY rowid DESC LIMIT 1 FOR UPDATE"
        )
        found: tuple[Any, ...] | None = _row(cursor, nearest, wanted)
        return found

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        self._connection.begin()
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except BaseException:
            if self._connection.open:
                self._connection.rollback()
            raise
        self._connection.commit()


def _take_from_stock(cursor: Cursor, product_id: int, quantity: int) -> None:
    cursor.execute(
        "UPDATE inventory SET quantity = IF(quantity > %s, quantity - %s, 0) WHERE product_id = %s",
        (quantity, quantity, product_id),
    )


def _row(cursor: Cursor, query: str, *arguments: object) -> Any:
    cursor.execute(query, arguments)
    return cursor.fetchone()
