"""The demo shop's market: what sells when and where.

Plain constants and nothing random. Everything that the generator draws, it draws around these figures.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

HISTORY_START = dt.date(2023, 1, 1)
CURRENT_START = dt.date(2026, 1, 1)
"""The warehouse's history ends the day before; the shop's own database begins here."""
CURRENT_END = dt.date(2026, 11, 1)
"""The first day without generated sales; live traffic goes on from the wall clock."""
PRODUCTION_SYNCED = dt.date(2026, 7, 1)
"""The first day whose sales production does not hold yet (sales.csv ends before it)."""
DUMPED = dt.date(2026, 8, 1)
"""The day on which the dump sales.sql was taken, in its first minute."""

PRICE_RISE = 0.03
"""How much dearer a product becomes in a year."""


@dataclass(frozen=True)
class Category:
    """One line of the shop. `share` is its part of the sales in the first year of history, `growth` its
    yearly growth, `season` the factor of each month, `weekend` that of Saturday and Sunday, `baskets` the
    chances of buying one, two, three … pieces at once."""

    name: str
    share: float
    growth: float
    season: tuple[float, ...]
    weekend: float
    baskets: tuple[float, ...]


CATEGORIES = (
    Category(
        "Electronics",
        share=0.30,
        growth=0.12,
        season=(0.95, 0.85, 0.85, 0.85, 0.90, 0.85, 0.85, 0.95, 1.05, 1.00, 1.55, 1.65),
        weekend=1.05,
        baskets=(0.88, 0.10, 0.02),
    ),
    Category(
        "Books",
        share=0.24,
        growth=-0.05,
        season=(1.00, 0.95, 0.90, 0.90, 0.90, 0.95, 1.10, 1.05, 1.00, 0.95, 1.05, 1.45),
        weekend=1.15,
        baskets=(0.58, 0.24, 0.10, 0.05, 0.03),
    ),
    Category(
        "Toys",
        share=0.16,
        growth=0.04,
        season=(0.65, 0.70, 0.80, 0.90, 0.85, 0.85, 0.85, 0.85, 0.80, 0.95, 1.75, 2.60),
        weekend=1.35,
        baskets=(0.70, 0.20, 0.07, 0.03),
    ),
    Category(
        "Sports",
        share=0.14,
        growth=0.09,
        season=(1.25, 1.00, 1.10, 1.20, 1.30, 1.25, 1.10, 0.90, 0.85, 0.75, 0.75, 0.90),
        weekend=1.20,
        baskets=(0.80, 0.15, 0.03, 0.02),
    ),
    Category(
        "Clothing",
        share=0.16,
        growth=0.18,
        season=(0.90, 0.75, 1.10, 1.15, 1.00, 0.95, 0.85, 0.85, 1.10, 1.15, 1.15, 1.05),
        weekend=1.25,
        baskets=(0.55, 0.28, 0.10, 0.05, 0.02),
    ),
)

WEEKDAYS = (1.05, 1.02, 1.00, 0.98, 0.97, 0.92, 1.00)
"""Monday to Sunday, before the category's own weekend factor."""

HOURS = (2, 1, 1, 1, 1, 2, 4, 8, 12, 15, 17, 18, 20, 18, 16, 16, 17, 19, 22, 26, 27, 22, 13, 6)
"""Sales in each hour of a day, as weights."""


@dataclass(frozen=True)
class Country:
    """A country the shop delivers to. `share` weighs its customers; the largest city comes first."""

    name: str
    share: float
    cities: tuple[str, ...]


COUNTRIES = (
    Country("Argentina", 2.0, ("Buenos Aires", "Córdoba", "Rosario")),
    Country("Australia", 4.0, ("Sydney", "Melbourne", "Brisbane", "Perth")),
    Country("Austria", 2.5, ("Vienna", "Graz", "Linz")),
    Country("Belgium", 2.5, ("Brussels", "Antwerp", "Ghent")),
    Country("Brazil", 5.0, ("São Paulo", "Rio de Janeiro", "Curitiba")),
    Country("Canada", 5.5, ("Toronto", "Montréal", "Vancouver", "Calgary")),
    Country("Chile", 1.2, ("Santiago", "Valparaíso")),
    Country("Czech Republic", 1.5, ("Prague", "Brno", "Ostrava")),
    Country("Denmark", 1.8, ("Copenhagen", "Aarhus")),
    Country("Finland", 1.5, ("Helsinki", "Tampere", "Turku")),
    Country("France", 7.5, ("Paris", "Lyon", "Marseille", "Nantes")),
    Country("Germany", 10.0, ("Berlin", "Hamburg", "München", "Köln")),
    Country("Greece", 1.2, ("Athens", "Thessaloniki")),
    Country("India", 5.5, ("Mumbai", "Bengaluru", "Delhi", "Chennai")),
    Country("Ireland", 1.5, ("Dublin", "Cork")),
    Country("Italy", 5.0, ("Rome", "Milan", "Turin", "Naples")),
    Country("Japan", 5.0, ("Tokyo", "Osaka", "Nagoya")),
    Country("Mexico", 3.0, ("Mexico City", "Guadalajara", "Monterrey")),
    Country("Netherlands", 3.5, ("Amsterdam", "Rotterdam", "Utrecht")),
    Country("New Zealand", 1.2, ("Auckland", "Wellington")),
    Country("Norway", 1.6, ("Oslo", "Bergen", "Trondheim")),
    Country("Poland", 3.0, ("Warsaw", "Kraków", "Wrocław")),
    Country("Portugal", 1.6, ("Lisbon", "Porto")),
    Country("Singapore", 1.3, ("Singapore",)),
    Country("South Africa", 1.6, ("Johannesburg", "Cape Town", "Durban")),
    Country("South Korea", 2.6, ("Seoul", "Busan", "Incheon")),
    Country("Spain", 4.5, ("Madrid", "Barcelona", "Valencia", "Sevilla")),
    Country("Sweden", 2.4, ("Stockholm", "Göteborg", "Malmö")),
    Country("Switzerland", 2.2, ("Zürich", "Genève", "Basel")),
    Country("Turkey", 2.0, ("Istanbul", "Ankara", "Izmir")),
    Country("United Kingdom", 9.0, ("London", "Manchester", "Birmingham", "Glasgow")),
    Country("United States", 16.0, ("New York", "Los Angeles", "Chicago", "Houston", "Seattle")),
)
