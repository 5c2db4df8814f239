"""The demo shop's customers: invented people at example.com, spread over the shop's countries."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from demo.chance import generator, weighted
from demo.market import COUNTRIES
from demo.names import FIRST_NAMES, LAST_NAMES

FIRST_CUSTOMER = 10001
_CHUNK = 50_000


def customer_count(size: int) -> int:
    """How many customers a shop with `size` current sales has."""
    return max(20, size // 8)


def email_address(first_name: str, last_name: str, customer_id: int) -> str:
    """An address that cannot exist (RFC 2606 reserves example.com), unique by the customer's id."""
    name = unicodedata.normalize("NFKD", f"{first_name}.{last_name}".replace("ø", "o"))
    letters = "".join(letter for letter in name.lower() if letter.isascii() and letter not in "' ")
    return f"{letters}.{customer_id}@example.com"


def customer_lines(seed: int, size: int) -> Iterator[str]:
    """The rows of customers.csv, in the order of the ids."""
    rng = generator(seed, "customers")
    count = customer_count(size)
    for start in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - start)
        firsts = rng.integers(len(FIRST_NAMES), size=rows).tolist()
        lasts = rng.integers(len(LAST_NAMES), size=rows).tolist()
        countries = weighted(rng, [country.share for country in COUNTRIES], rows).tolist()
        # The square favours a country's first city, the largest.
        cities = (rng.random(rows) ** 2).tolist()
        for row in range(rows):
            customer_id = FIRST_CUSTOMER + start + row
            first, last = FIRST_NAMES[firsts[row]], LAST_NAMES[lasts[row]]
            country = COUNTRIES[countries[row]]
            city = country.cities[int(cities[row] * len(country.cities))]
            email = email_address(first, last, customer_id)
            yield f"{customer_id},{first},{last},{email},{city},{country.name}\n"
