"""What is on offer in the running shop: the staff's work on the catalog in MongoDB.

Products may come from anybody's files: one without a product id or a price is renamed and retired like any
other, but it cannot be sold.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from bson.decimal128 import Decimal128
from pymongo.database import Database

from demo.chance import favourite

Document = dict[str, Any]

_KNOWN_PER_COLLECTION = 50_000
_NO_PRODUCTS = ("system.", "_")  # the server's own, and what landing remembers
_SHELF = 8  # about so many products are off sale at a time
_GENERATION = re.compile(r"^(?P<name>.*) Mk (?P<number>\d+)$")


@dataclass(frozen=True)
class Offer:
    """A product as it can be sold at this moment."""

    product_id: int
    price: Decimal


class Assortment:
    """The products of one catalog database, all its collections, in an order of popularity of our own."""

    def __init__(self, catalog: Database[Document], rng: Random) -> None:
        self._catalog = catalog
        self._rng = rng
        self._retired: list[tuple[str, Document]] = []
        self._places = [
            (collection, document["_id"])
            for collection in sorted(catalog.list_collection_names(filter={"type": "collection"}))
            if not collection.startswith(_NO_PRODUCTS)
            for document in catalog[collection].find({}, {"_id": 1}).limit(_KNOWN_PER_COLLECTION)
        ]
        rng.shuffle(self._places)

    def offer(self) -> Offer | None:
        """A product to sell at the catalog's current price; None when ten tries met none that has both."""
        for _ in range(10):
            if (found := self._pick()) is None:
                return None
            _, document = found
            price = as_money(document.get("price"))
            if isinstance(document.get("product_id"), int) and price is not None and price > 0:
                return Offer(document["product_id"], price)
        return None

    def reprice(self) -> Counter[str]:
        """Somebody changes a price by up to a fifth, in the type that it has."""
        found = self._pick()
        if found is None or not (old := as_money(found[1].get("price"))):
            return Counter()
        factor = Decimal(self._rng.choice((80, 85, 90, 95, 105, 110, 115, 120))) / 100
        new = max((old * factor).quantize(Decimal("0.01"), ROUND_HALF_UP), Decimal("0.01"))
        exact = isinstance(found[1]["price"], Decimal128)
        return self._set(found, "repriced", {"price": Decimal128(new) if exact else float(new)})

    def rename(self) -> Counter[str]:
        """A product's next generation: `Aero 3` becomes `Aero 3 Mk 2`, that one `Aero 3 Mk 3`."""
        found = self._pick()
        if found is None or not isinstance(model := found[1].get("model"), str):
            return Counter()
        earlier = _GENERATION.match(model)
        name, number = (earlier["name"], int(earlier["number"]) + 1) if earlier else (model, 2)
        return self._set(found, "renamed", {"model": f"{name} Mk {number}"})

    def retire_or_return(self) -> Counter[str]:
        """A product is taken out of the catalog, or one that was comes back as it left."""
        if self._rng.random() < len(self._retired) / (2 * _SHELF):
            collection, document = self._retired.pop(self._rng.randrange(len(self._retired)))
            self._catalog[collection].replace_one({"_id": document["_id"]}, document, upsert=True)
            self._places.append((collection, document["_id"]))
            return Counter(returned=1)
        if len(self._places) <= _SHELF or (found := self._pick()) is None:
            return Counter()
        collection, document = found
        deleted = self._catalog[collection].delete_one({"_id": document["_id"]}).deleted_count
        if deleted:
            self._retired.append(found)
            self._places.remove((collection, document["_id"]))
        return Counter(retired=deleted)

    def _pick(self) -> tuple[str, Document] | None:
        """A product as it is in the catalog now, the popular ones more often; None when there is none."""
        while self._places:
            collection, key = self._places[position := favourite(self._rng, len(self._places))]
            if document := self._catalog[collection].find_one({"_id": key}):
                return collection, document
            del self._places[position]
        return None

    def _set(self, found: tuple[str, Document], effect: str, values: Document) -> Counter[str]:
        collection, document = found
        result = self._catalog[collection].update_one({"_id": document["_id"]}, {"$set": values})
        return Counter({effect: result.modified_count})


def as_money(value: object) -> Decimal | None:
    """A price as the catalog may hold it, to the cent; None for what is no number."""
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    exact = Decimal(str(value))
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP) if exact.is_finite() else None
