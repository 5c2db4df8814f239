"""The demo shop's products: their names, their attributes and a price that follows from both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from demo.chance import Ints, generator
from demo.market import CATEGORIES
from demo.names import AUTHORS, NAMES

FIRST_PRODUCT = 1001


@dataclass(frozen=True)
class Kind:
    """A type of product. Prices lie between `low` and `high`; the values of each attribute are ordered from
    cheap to dear, and a product's price follows them."""

    type: str
    low: float
    high: float
    attributes: dict[str, tuple[object, ...]] = field(default_factory=dict)


_RAM = ("4GB", "8GB", "16GB", "32GB", "64GB")
_SIZES = ("XS", "S", "M", "L", "XL")
_COLOURS = ("black", "white", "navy", "green", "red", "sand")

KINDS: dict[str, tuple[Kind, ...]] = {
    "Electronics": (
        Kind("smart phone", 149, 1299, {"screen size": (5.4, 5.8, 6.1, 6.5, 6.8), "ram": _RAM[:4]}),
        Kind(
            "laptop",
            349,
            2799,
            {
                "screen size": (13.3, 14, 15.6, 16, 17),
                "ram": _RAM,
                "hard disk": ("256GB", "512GB", "1TB", "2TB"),
            },
        ),
        Kind("television", 179, 2499, {"screen size": (24, 32, 43, 55, 65, 75)}),
        Kind("tablet", 119, 1199, {"screen size": (8, 10.1, 11, 12.9), "ram": _RAM[:3]}),
        Kind("headphones", 19, 399, {"wireless": (False, True)}),
        Kind("smart watch", 79, 599, {"screen size": (1.2, 1.4, 1.6, 1.9)}),
    ),
    "Books": (
        Kind("novel", 7, 28, {"pages": (180, 240, 320, 410, 560), "format": ("paperback", "hardcover")}),
        Kind("crime", 7, 26, {"pages": (220, 290, 360, 450), "format": ("paperback", "hardcover")}),
        Kind("cookery", 14, 45, {"pages": (120, 160, 220), "format": ("paperback", "hardcover")}),
        Kind("science", 16, 69, {"pages": (200, 300, 420, 640), "format": ("paperback", "hardcover")}),
        Kind("children", 5, 19, {"pages": (24, 32, 48, 96)}),
    ),
    "Toys": (
        Kind("puzzle", 8, 49, {"pieces": (100, 300, 500, 1000, 2000)}),
        Kind("board game", 14, 89, {"age": (4, 6, 8, 10, 12)}),
        Kind("building set", 12, 249, {"age": (4, 6, 8, 10, 12), "pieces": (60, 150, 400, 900, 2200)}),
        Kind("plush toy", 9, 59, {"height": (15, 25, 35, 60)}),
        Kind("model car", 11, 119, {"scale": ("1:64", "1:43", "1:24", "1:18")}),
    ),
    "Sports": (
        Kind("running shoes", 49, 219, {"weight": (310, 280, 250, 220)}),
        Kind("yoga mat", 14, 99, {"thickness": (3, 4, 5, 6)}),
        Kind("tennis racket", 29, 289, {"weight": (310, 300, 285, 270)}),
        Kind("bicycle", 249, 3499, {"gears": (3, 8, 11, 12)}),
        Kind("dumbbells", 12, 189, {"weight": (1, 2, 5, 10, 20)}),
        Kind("tent", 59, 799, {"persons": (1, 2, 3, 4, 6)}),
    ),
    "Clothing": (
        Kind("t-shirt", 9, 49, {"size": _SIZES, "colour": _COLOURS}),
        Kind("jeans", 29, 149, {"size": _SIZES, "colour": _COLOURS[:3]}),
        Kind("jacket", 49, 449, {"size": _SIZES, "colour": _COLOURS}),
        Kind("dress", 29, 249, {"size": _SIZES, "colour": _COLOURS}),
        Kind("sneakers", 39, 199, {"size": (37, 39, 41, 43, 45), "colour": _COLOURS}),
        Kind("scarf", 9, 89, {"colour": _COLOURS}),
    ),
}


@dataclass(frozen=True)
class Catalog:
    """All products: a category's products are neighbours. `first[c]` and `members[c]` say where those of
    category number c lie, and the same stretch of `ranked` lists them by popularity. `cents[i]` is the price
    of product i today, its id is FIRST_PRODUCT + i."""

    documents: list[dict[str, object]]
    first: Ints
    members: Ints
    ranked: Ints
    cents: Ints

    def lines(self, category: int) -> Iterator[str]:
        """The products of a category, each one line of JSON."""
        start = int(self.first[category])
        for document in self.documents[start : start + int(self.members[category])]:
            yield json.dumps(document, ensure_ascii=False) + "\n"


def make_catalog(seed: int, size: int) -> Catalog:
    """The catalog of a shop with `size` current sales: it grows with the square root of the sales."""
    members = [max(5, round(4 * size**0.5 / len(CATEGORIES)))] * len(CATEGORIES)
    first = [0, *accumulate(members)][:-1]
    rng = generator(seed, "catalog")
    documents: list[dict[str, object]] = []
    cents: list[int] = []
    for category, count in zip(CATEGORIES, members, strict=True):
        for model in _models(rng, category.name, count):
            document, price = _product(rng, category.name, model, FIRST_PRODUCT + len(documents))
            documents.append(document)
            cents.append(price)
    ranked = [start + rng.permutation(count) for start, count in zip(first, members, strict=True)]
    return Catalog(
        documents, np.array(first), np.array(members), np.concatenate(ranked), np.array(cents, dtype=np.int64)
    )


def _models(rng: np.random.Generator, category: str, count: int) -> Iterator[str]:
    firsts, seconds = NAMES[category]
    pairs = [f"{first} {second}" for first in firsts for second in seconds]
    order = rng.permutation(len(pairs)).tolist()
    for number in range(count):
        edition, position = divmod(number, len(pairs))
        yield pairs[order[position]] + (f" ({edition + 1})" if edition else "")


def _product(
    rng: np.random.Generator, category: str, model: str, product_id: int
) -> tuple[dict[str, object], int]:
    kinds = KINDS[category]
    kind = kinds[rng.integers(len(kinds))]
    attributes: dict[str, object] = {}
    levels = [rng.random()]
    for name, values in kind.attributes.items():
        choice = int(rng.integers(len(values)))
        attributes[name] = values[choice]
        levels.append(choice / (len(values) - 1))
    if category == "Books":
        attributes["author"] = AUTHORS[rng.integers(len(AUTHORS))]
    cents = _shelf_price(kind.low * (kind.high / kind.low) ** (sum(levels) / len(levels)))
    document = {"product_id": product_id, "type": kind.type, "model": model, "category": category}
    return {**document, "price": cents / 100, **attributes}, cents


def _shelf_price(value: float) -> int:
    """The price in cents as shops write it: 12.49 and 12.99 below 100, 129.00 and 149.00 above."""
    if value < 100:
        return round(value * 2) * 50 - 1
    return round(value / 10) * 1000 - 100
