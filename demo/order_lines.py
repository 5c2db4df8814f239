"""The demo shop's order lines, a file a month in the columns of a well-known public sample: customers move,
the list prices and lines of products change, and corrections come in files of later months."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from demo.chance import generator
from demo.market import COUNTRIES, CURRENT_END, CURRENT_START
from demo.names import FIRST_NAMES, LAST_NAMES

COLUMNS = (
    "ORDERNUMBER", "QUANTITYORDERED", "PRICEEACH", "ORDERLINENUMBER", "SALES", "ORDERDATE", "STATUS",
    "QTR_ID", "MONTH_ID", "YEAR_ID", "PRODUCTLINE", "MSRP", "PRODUCTCODE", "CUSTOMERNAME", "PHONE",
    "ADDRESSLINE1", "ADDRESSLINE2", "CITY", "STATE", "POSTALCODE", "COUNTRY", "TERRITORY",
    "CONTACTLASTNAME", "CONTACTFIRSTNAME", "DEALSIZE", "UPDATED_AT",
)  # fmt: skip
FIRST_ORDER = 20001
LINES = ("Boardgames", "Puzzles", "Wooden Toys", "Model Trains", "Dolls", "Kites")
FORMS = ("Trading", "Gifts", "& Sons", "Retail", "Imports", "Collectables")
LAST_DAY = CURRENT_END - dt.timedelta(days=1)
STREETS = ("Station Road", "Mill Lane", "Harbour Street", "Market Square", "Linden Allee", "Rue du Parc")
SIZES = ((3000, "Small"), (7000, "Medium"))
_MOVES, _CHANGES, _CORRECTED = 0.3, 0.25, 0.04


@dataclass
class _Customer:
    name: str
    contact: tuple[str, str]
    phone: str
    addresses: list[tuple[dt.date, tuple[str, str, str, str]]] = field(default_factory=list)

    def address(self, day: dt.date) -> tuple[str, str, str, str]:
        """Street, city, postal code and country on a day."""
        return [each for since, each in self.addresses if since <= day][-1]


def order_files(seed: int, size: int) -> dict[str, Iterator[str]]:
    """The files by their names below `orders`, for a shop of `size` current sales."""
    months: dict[str, list[dict[str, object]]] = {}
    for written, row in _rows(seed, size):
        months.setdefault(f"{written:%Y-%m}", []).append(row)
    return {f"orders/order_lines_{month}.csv": _csv(rows) for month, rows in sorted(months.items())}


def _csv(rows: Sequence[dict[str, object]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    yield text.getvalue()


def _rows(seed: int, size: int) -> Iterator[tuple[dt.date, dict[str, object]]]:
    """Rows with the day on which they were written; a correction repeats its line."""
    rng = generator(seed, "order lines")
    length = (CURRENT_END - CURRENT_START).days
    customers = [_customer(rng, number, length) for number in range(max(8, size // 400))]
    products = [_product(rng, number, length) for number in range(max(10, size // 250))]
    orders = max(80, size // 60)
    for number, offset in enumerate(np.sort(rng.integers(length, size=orders)).tolist()):
        day = CURRENT_START + dt.timedelta(days=offset)
        customer = customers[int(rng.integers(len(customers)))]
        status = str(rng.choice(["Shipped", "Resolved", "Cancelled", "On Hold"], p=[0.9, 0.04, 0.04, 0.02]))
        chosen = rng.choice(len(products), size=min(len(products), int(rng.integers(1, 9))), replace=False)
        for line, index in enumerate(chosen.tolist(), 1):
            code, versions = products[index]
            product_line, list_price = [each for since, each in versions if since <= day][-1]
            quantity = int(rng.integers(5, 60))
            cents = round(list_price * 100 * float(rng.uniform(0.75, 1.0)))
            row = _row(FIRST_ORDER + number, line, day, status, customer, code, product_line, list_price)
            yield day, _sold(row, quantity, cents, day)
            if rng.random() < _CORRECTED:
                later = min(
                    day + dt.timedelta(days=int(rng.integers(20, 90))), CURRENT_END - dt.timedelta(days=1)
                )
                yield later, _sold(row, max(1, quantity - 2), cents, later)


def _customer(rng: np.random.Generator, number: int, length: int) -> _Customer:
    last, contact = (LAST_NAMES[int(rng.integers(len(LAST_NAMES)))] for _ in range(2))
    given = FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))]
    name = f"{last} {FORMS[number % len(FORMS)]} {number + 1}"
    customer = _Customer(name, (contact, given), f"555 01{number:04}")
    country = COUNTRIES[int(rng.integers(len(COUNTRIES)))]
    since = [CURRENT_START]
    if rng.random() < _MOVES:
        since.append(CURRENT_START + dt.timedelta(days=int(rng.integers(1, length))))
    for day in since:
        street = f"{int(rng.integers(1, 120))} {STREETS[int(rng.integers(len(STREETS)))]}"
        city = country.cities[int(rng.integers(len(country.cities)))]
        customer.addresses.append((day, (street, city, f"{int(rng.integers(10000, 99999))}", country.name)))
    return customer


def _product(
    rng: np.random.Generator, number: int, length: int
) -> tuple[str, list[tuple[dt.date, tuple[str, float]]]]:
    line, price = LINES[int(rng.integers(len(LINES)))], float(rng.integers(20, 180))
    versions = [(CURRENT_START, (line, price))]
    if rng.random() < _CHANGES:
        day = CURRENT_START + dt.timedelta(days=int(rng.integers(1, length)))
        other = LINES[int(rng.integers(len(LINES)))] if rng.random() < 0.4 else line
        versions.append((day, (other, price + float(rng.integers(1, 12)))))
    return f"T{number % 7 + 1}_{1000 + number * 7}", versions


def _row(
    order: int,
    line: int,
    day: dt.date,
    status: str,
    customer: _Customer,
    code: str,
    product_line: str,
    list_price: float,
) -> dict[str, object]:
    street, city, postal_code, country = customer.address(day)
    return {
        "ORDERNUMBER": order,
        "ORDERLINENUMBER": line,
        "ORDERDATE": f"{day} 00:00:00",
        "STATUS": status,
        "QTR_ID": (day.month + 2) // 3,
        "MONTH_ID": day.month,
        "YEAR_ID": day.year,
        "PRODUCTLINE": product_line,
        "MSRP": f"{list_price:.0f}",
        "PRODUCTCODE": code,
        "CUSTOMERNAME": customer.name,
        "PHONE": customer.phone,
        "ADDRESSLINE1": street,
        "CITY": city,
        "POSTALCODE": postal_code,
        "COUNTRY": country,
        "TERRITORY": "EMEA",
        "CONTACTLASTNAME": customer.contact[0],
        "CONTACTFIRSTNAME": customer.contact[1],
    }


def _sold(row: dict[str, object], quantity: int, cents: int, written: dt.date) -> dict[str, object]:
    amount = quantity * cents / 100
    size = next((name for most, name in SIZES if amount < most), "Large")
    return {
        **row,
        "QUANTITYORDERED": quantity,
        "PRICEEACH": f"{cents / 100:.2f}",
        "SALES": f"{amount:.2f}",
        "DEALSIZE": size,
        "UPDATED_AT": f"{written} 18:00:00+00",
    }
