"""The demo shop as a folder of landing files, in the shapes that the platform lands."""

from __future__ import annotations

import datetime as dt
import filecmp
import os
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path

from demo.accesslog import accesslog_lines
from demo.catalog import FIRST_PRODUCT, Catalog, make_catalog
from demo.chance import generator
from demo.charges import charge_files
from demo.customers import customer_lines
from demo.dump import dump_text
from demo.market import (
    CATEGORIES,
    COUNTRIES,
    CURRENT_END,
    CURRENT_START,
    DUMPED,
    HISTORY_START,
    PRODUCTION_SYNCED,
)
from demo.order_lines import order_files
from demo.sales import DayHistory, DaySales, current_sales, days, history_sales
from demo.sales_history import sales_history_lines
from demo.searches import search_lines

DEFAULT_SEED = 7
DEFAULT_SIZE = 20_000


def generate(folder: str | Path, seed: int = DEFAULT_SEED, size: int = DEFAULT_SIZE) -> list[Path]:
    """Write the landing files of a shop with `size` current sales into `folder`, which is made if need be.

    The same seed and size give the same bytes. A file appears whole or not at all, and one that would not
    change is left untouched. Returns the files' paths.
    """
    if size < 1:
        raise ValueError(f"size is {size}: a shop has at least one current sale")
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    contents = {target / name: pieces for name, pieces in _contents(seed, size).items()}
    for path, pieces in contents.items():
        _replace(path, pieces)
    return list(contents)


def _contents(seed: int, size: int) -> dict[str, Iterable[str]]:
    """Each file's text in pieces, drawn while it is written."""
    catalog = make_catalog(seed, size)

    def sales(until: dt.date) -> Iterator[DaySales]:
        return current_sales(seed, size, catalog, until)

    return {
        "customers.csv": _csv(
            "customer_id,first_name,last_name,email,city,country", customer_lines(seed, size)
        ),
        **{catalog_file(number): catalog.lines(number) for number in range(len(CATEGORIES))},
        "inventory.csv": _csv("product_id,quantity,reorder_level", _inventory_lines(seed, catalog)),
        "DimDate.csv": _csv(
            "dateid,date,Year,Quarter,QuarterName,Month,Monthname,Day,Weekday,WeekdayName", _date_lines()
        ),
        "DimCategory.csv": _csv(
            "categoryid,category", (f"{number},{each.name}\n" for number, each in enumerate(CATEGORIES, 1))
        ),
        "DimCountry.csv": _csv(
            "countryid,country", (f"{number},{each.name}\n" for number, each in enumerate(COUNTRIES, 1))
        ),
        "FactSales.csv": _csv(
            "orderid,dateid,countryid,categoryid,amount", _fact_lines(history_sales(seed, size, catalog))
        ),
        "searchterms.csv": _csv("\ufeffday,month,year,searchterm", search_lines(seed, size, catalog)),
        "oltpdata.csv": _sale_lines(sales(CURRENT_END)),
        "ecommerce.csv": _csv("day,month,quarter,year,category,item,price", sales_history_lines(seed, size)),
        "accesslog.txt": accesslog_lines(seed, size, catalog),
        **order_files(seed, size),
        **charge_files(seed, size),
        "sales.sql": dump_text(sales(DUMPED)),
        "sales.csv": _csv(
            "rowid,product_id,customer_id,price,quantity,timestamp",
            (f"{rowid},{line}" for rowid, line in enumerate(_sale_lines(sales(PRODUCTION_SYNCED)), 1)),
        ),
    }


def catalog_file(category: int) -> str:
    """The file of a category's products; the first one's name is the oldest and names no category."""
    return f"catalog_{CATEGORIES[category].name.lower()}.json" if category else "catalog.json"


def _csv(header: str, lines: Iterable[str]) -> Iterator[str]:
    return chain([f"{header}\n"], lines)


def _sale_lines(sales: Iterable[DaySales]) -> Iterator[str]:
    clock = [
        f"{hour:02}:{minute:02}:{second:02}"
        for hour in range(24)
        for minute in range(60)
        for second in range(60)
    ]
    for date, *columns in sales:
        for product, customer, cents, quantity, moment in zip(*columns, strict=True):
            price = f"{cents // 100}.{cents % 100:02}"
            yield f"{product},{customer},{price},{quantity},{date} {clock[moment]}\n"


def _fact_lines(history: Iterable[DayHistory]) -> Iterator[str]:
    order = count(1)
    for dateid, day in enumerate(history, 1):
        for country, category, cents in zip(*day, strict=True):
            yield f"{next(order)},{dateid},{country + 1},{category + 1},{cents // 100}.{cents % 100:02}\n"


def _date_lines() -> Iterator[str]:
    for dateid, day in enumerate(days(HISTORY_START, CURRENT_START), 1):
        quarter = (day.month + 2) // 3
        weekday = day.isoweekday() % 7 + 1  # Sunday is 1
        yield (
            f"{dateid},{day},{day.year},{quarter},Q{quarter},{day.month},{day:%B},{day.day},"
            f"{weekday},{day:%A}\n"
        )


def _inventory_lines(seed: int, catalog: Catalog) -> Iterator[str]:
    rng = generator(seed, "inventory")
    levels = rng.integers(2, 13, size=len(catalog.cents)) * 5
    stock = rng.gamma(2.5, 1.0, size=len(levels)) * levels
    for number, (quantity, level) in enumerate(zip(stock.tolist(), levels.tolist(), strict=True)):
        yield f"{FIRST_PRODUCT + number},{int(quantity)},{level}\n"


def _replace(path: Path, pieces: Iterable[str]) -> None:
    """Make `path` hold the pieces, in one step, and leave it alone if it does."""
    path.parent.mkdir(exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with written.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)
        if not (path.exists() and filecmp.cmp(written, path, shallow=False)):
            written.replace(path)
    finally:
        written.unlink(missing_ok=True)
