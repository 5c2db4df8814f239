"""What the demo shop's visitors search for: its products' kinds and models, some of them misspelt, and things
that it does not have.

`MISSES` are in no catalog, and `RISERS` are asked for far more often in the last month than in the one
before; both are planted for reports to find.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np

from demo.catalog import KINDS, Catalog
from demo.chance import generator, popular, weighted
from demo.market import CATEGORIES, CURRENT_END, CURRENT_START
from demo.sales import days

MISSES = ("espresso machine", "garden hose", "vinyl record player")
RISERS = ("tent", "board game")
RISE = 15
PER_SALE = 0.5
"""Searches that the file has for each of the shop's current sales."""
_KIND, _MODEL, _MISSPELT, _MISS = 0.55, 0.33, 0.04, 0.08
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def search_lines(seed: int, size: int, catalog: Catalog) -> Iterator[str]:
    """The lines of `searchterms.csv`: a search a line, by day, as the shop's front end writes them."""
    rng = generator(seed, "searches")
    kinds = [kind.type for category in CATEGORIES for kind in KINDS[category.name]]
    models = [str(catalog.documents[int(product)]["model"]) for product in catalog.ranked]
    dates = list(days(CURRENT_START, CURRENT_END))
    per_day = _per_day(rng, dates, max(int(size * PER_SALE), len(dates)))
    for date, count in zip(dates, per_day, strict=True):
        extra = {term: RISE for term in RISERS if _is_last_month(date)}
        weights = [float(extra.get(kind, 1)) for kind in kinds]
        sorts = weighted(rng, (_KIND, _MODEL, _MISSPELT, _MISS), count)
        for sort, kind, model, miss in zip(
            sorts.tolist(),
            weighted(rng, weights, count).tolist(),
            popular(rng, np.full(count, len(models))).tolist(),
            rng.integers(len(MISSES), size=count).tolist(),
            strict=True,
        ):
            term = (kinds[kind], models[model], kinds[kind], MISSES[miss])[sort]
            if sort == 2:
                term = _misspelt(rng, term)
            quoted = '"' + term.replace('"', '""') + '"' if "," in term or '"' in term else term
            yield f"{date.day},{date.month},{date.year},{quoted}\n"


def _is_last_month(date: dt.date) -> bool:
    last = CURRENT_END - dt.timedelta(days=1)
    return (date.year, date.month) == (last.year, last.month)


def _per_day(rng: np.random.Generator, dates: list[dt.date], total: int) -> list[int]:
    shares = rng.multinomial(total, np.full(len(dates), 1 / len(dates)))
    return [int(count) for count in shares]


def _misspelt(rng: np.random.Generator, term: str) -> str:
    """A letter left out, doubled or replaced."""
    place, way = int(rng.integers(1, len(term))), int(rng.integers(3))
    if way == 0:
        return term[:place] + term[place + 1 :]
    if way == 1:
        return term[:place] + term[place - 1] + term[place:]
    return term[:place] + _LETTERS[int(rng.integers(26))] + term[place + 1 :]
