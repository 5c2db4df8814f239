"""Live traffic on real servers: what the counters say is what the tables show."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from zoneinfo import ZoneInfo

import pymysql
import pytest
from bson.decimal128 import Decimal128
from click.testing import CliRunner
from pymongo.database import Database

import demo
from demo.__main__ import cli
from demo.shop import open_shop
from demo.traffic import Totals, run, ticks
from sync.errors import SyncError, TransientError

Shop = pymysql.Connection
Catalog = Database[dict[str, Any]]
ZONE = ZoneInfo("Pacific/Auckland")
CLONE = Path(__file__).parents[2]
COUNTS = re.compile(r"([a-z]+) ([\d,]+)(?: ·|$)")


class Notebook:
    """A `Progress` that keeps the notes, and does what it was told after so many acts."""

    def __init__(self, after: dict[int, Callable[[], None]] | None = None) -> None:
        self.notes: list[str] = []
        self._after = after or {}

    def counters(self, totals: Totals) -> None:
        if totals.acts in self._after:
            self._after.pop(totals.acts)()

    def note(self, text: str) -> None:
        self.notes.append(text)


def values(shop: Shop, query: str) -> list[Any]:
    with shop.cursor() as cursor:
        cursor.execute(query)
        return [row[0] if len(row) == 1 else row for row in cursor.fetchall()]


def insert(shop: Shop, table: str, columns: str, rows: list[list[str]]) -> None:
    with shop.cursor() as cursor:
        marks = ", ".join(["%s"] * len(columns.split(",")))
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


@pytest.fixture
def tables(shop: Shop) -> Shop:
    with shop.cursor() as cursor:
        for statement in (CLONE / "sql" / "mysql" / "shop.sql").read_text().split(";\n"):
            if statement.strip():
                cursor.execute(statement)
    return shop


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    demo.generate(folder, size=400)
    return folder


@pytest.fixture
def stocked(tables: Shop, catalog: Catalog, files: Path) -> Shop:
    """A small demo shop, landed by the shortest way."""

    def rows(name: str) -> list[list[str]]:
        return list(csv.reader((files / name).read_text("utf-8").splitlines()))

    insert(
        tables, "sales_data", "product_id, customer_id, price, quantity, `timestamp`", rows("oltpdata.csv")
    )
    columns = "customer_id, first_name, last_name, email, city, country"
    insert(tables, "customers", columns, rows("customers.csv")[1:])
    insert(tables, "inventory", "product_id, quantity, reorder_level", rows("inventory.csv")[1:])
    for file in files.glob("catalog*.json"):
        collection = file.stem.partition("_")[2] or "electronics"
        catalog[collection].insert_many([json.loads(line) for line in file.read_text("utf-8").splitlines()])
    return tables


@pytest.fixture
def trade(urls: dict[str, str]) -> Callable[..., Totals]:
    """Runs so many acts as fast as the servers take them."""

    def acts(number: int, seed: int = 1, progress: Notebook | None = None) -> Totals:
        return run(
            lambda: open_shop(
                urls["SOFTCART_MYSQL_ADMIN_URL"], urls["SOFTCART_MONGO_ADMIN_URL"], ZONE, Random(seed)
            ),
            iter([None] * number),
            Event(),
            progress or Notebook(),
        )

    return acts


def products(catalog: Catalog) -> dict[Any, dict[str, Any]]:
    return {
        document["_id"]: document
        for collection in catalog.list_collection_names()
        for document in catalog[collection].find()
    }


def test_the_counters_are_what_the_tables_show(
    stocked: Shop, catalog: Catalog, trade: Callable[..., Totals]
) -> None:
    before = {table: set(values(stocked, f"SELECT * FROM {table}")) for table in ("sales_data", "customers")}
    sale_ids = {row[0] for row in before["sales_data"]}
    customer_ids = {row[0] for row in before["customers"]}
    offered = products(catalog)

    totals = trade(400)

    changed = totals.changed
    assert totals.acts == 400
    assert min(changed[name] for name in ("sales", "corrected", "cancelled", "refunded")) > 0
    assert min(changed[name] for name in ("registered", "moved")) > 0
    assert min(changed[name] for name in ("repriced", "renamed", "retired", "returned", "restocked")) > 0
    assert values(stocked, "SELECT COUNT(*) FROM sales_data") == [
        len(sale_ids) + changed["sales"] + changed["refunded"] - changed["cancelled"]
    ]
    refunds = values(
        stocked, f"SELECT COUNT(*) FROM sales_data WHERE quantity < 0 AND rowid > {max(sale_ids)}"
    )
    assert 0 < refunds[0] <= changed["refunded"]
    assert values(stocked, "SELECT COUNT(*) FROM customers") == [len(customer_ids) + changed["registered"]]
    now = products(catalog)
    assert len(offered) - len(now) == changed["retired"] - changed["returned"]
    assert now.keys() <= offered.keys()
    renamed = [key for key in now if now[key]["model"] != offered[key]["model"]]
    assert 0 < len(renamed) <= changed["renamed"]


def test_a_sale_is_priced_by_the_catalog_and_dated_in_the_business_zone(
    stocked: Shop, catalog: Catalog, trade: Callable[..., Totals]
) -> None:
    (highest,) = values(stocked, "SELECT MAX(rowid) FROM sales_data")
    for collection in catalog.list_collection_names():
        catalog[collection].update_many({}, {"$set": {"price": Decimal128("12.30")}})
    begun = dt.datetime.now(ZONE).replace(tzinfo=None, microsecond=0)

    totals = trade(60)

    made = values(
        stocked,
        "SELECT price, `timestamp`, product_id, customer_id FROM sales_data"
        f" WHERE rowid > {highest} AND quantity > 0",
    )
    assert {price for price, *_ in made} <= {Decimal("12.30"), *repriced(catalog)}
    ended = dt.datetime.now(ZONE).replace(tzinfo=None)
    assert all(begun <= moment <= ended for _, moment, *_ in made)
    assert {customer for *_, customer in made} <= set(values(stocked, "SELECT customer_id FROM customers"))
    assert totals.changed["repriced"] >= len(repriced(catalog)) > 0


def repriced(catalog: Catalog) -> set[Decimal]:
    prices = {document["price"].to_decimal() for document in products(catalog).values()}
    return prices - {Decimal("12.30")}


def test_a_shop_from_files_without_customers_and_product_ids_goes_on_selling_what_it_sold(
    tables: Shop, catalog: Catalog, trade: Callable[..., Totals]
) -> None:
    catalog.electronics.insert_many([{"type": "television", "model": f"tv {n}"} for n in range(30)])
    insert(
        tables,
        "sales_data",
        "product_id, customer_id, price, quantity, `timestamp`",
        [
            ["6739", "76305", "230", "1", "2020-09-05 16:20:03"],
            ["7460", "81008", "1455", "4", "2020-09-05 16:20:04"],
        ],
    )

    totals = trade(60)

    sold = values(tables, "SELECT DISTINCT product_id, price FROM sales_data WHERE rowid > 2")
    assert set(sold) <= {(6739, Decimal("230.00")), (7460, Decimal("1455.00"))}
    assert totals.changed["sales"] > 0 and totals.changed["renamed"] > 0
    assert totals.changed["repriced"] == totals.changed["restocked"] == 0
    # A new customer must not become the buyer of somebody else's earlier sales.
    assert min(values(tables, "SELECT customer_id FROM customers")) == 81_009


def test_an_empty_shop_gets_customers_and_nothing_to_buy(
    tables: Shop, catalog: Catalog, trade: Callable[..., Totals]
) -> None:
    remembered = {"_id": "catalog.json", "product_id": 1, "model": "no product", "price": 1}
    catalog["_landed_files"].insert_one(remembered)

    totals = trade(40)

    assert list(catalog["_landed_files"].find()) == [remembered]
    assert set(totals.changed) <= {"registered", "moved"}
    assert values(tables, "SELECT COUNT(*) FROM customers") == [totals.changed["registered"]]


def test_a_lost_connection_is_noted_and_traffic_goes_on(stocked: Shop, trade: Callable[..., Totals]) -> None:
    def cut() -> None:
        for (thread,) in connections(stocked):
            with stocked.cursor() as cursor:
                cursor.execute(f"KILL CONNECTION {thread}")

    progress = Notebook(after={5: cut})
    totals = trade(40, progress=progress)
    assert totals.acts == 39
    assert len(progress.notes) == 1
    assert "Trying again in 1 s" in progress.notes[0]


def connections(shop: Shop) -> Iterator[tuple[int]]:
    with shop.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db = 'shop'"
        )
        yield from cursor.fetchall()


def test_a_refused_write_ends_traffic_with_the_servers_words(
    stocked: Shop, trade: Callable[..., Totals]
) -> None:
    with stocked.cursor() as cursor:
        cursor.execute("ALTER TABLE sales_data DROP COLUMN price")
    with pytest.raises(SyncError, match=r"shop.*price") as caught:
        trade(40)
    assert not isinstance(caught.value, TransientError)


def test_ticks_come_at_the_rate_and_end_when_the_time_is_over_or_the_event_is_set() -> None:
    assert len(list(ticks(1000, Event(), seconds=0.05))) == 50
    stop = Event()
    moments = ticks(1000, stop)
    next(moments)
    stop.set()
    assert list(moments) == []


def test_two_at_once_stop_on_a_signal_with_totals_and_exit_code_0(
    stocked: Shop, urls: dict[str, str]
) -> None:
    (before,) = values(stocked, "SELECT COUNT(*) FROM sales_data")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "demo", "traffic", "--rate", "100", "--seed", seed],
            cwd=CLONE,
            env={**os.environ, **urls},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("3", "4")
    ]
    while (
        len(set(connections(stocked))) < 2
        or values(stocked, "SELECT COUNT(*) FROM sales_data")[0] < before + 40
    ):
        with pytest.raises(subprocess.TimeoutExpired):
            processes[0].wait(timeout=0.1)
    for process, number in zip(processes, (signal.SIGINT, signal.SIGTERM), strict=True):
        process.send_signal(number)

    counted: Counter[str] = Counter()
    for process in processes:
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        counted.update(
            {name: int(count.replace(",", "")) for name, count in COUNTS.findall(said.splitlines()[-1])}
        )
    (after,) = values(stocked, "SELECT COUNT(*) FROM sales_data")
    assert after - before == counted["sales"] + counted["refunded"] - counted["cancelled"]


def test_without_the_admin_urls_it_says_which_one_is_missing(urls: dict[str, str]) -> None:
    done = CliRunner().invoke(cli, ["traffic"], env={**urls, "SOFTCART_MONGO_ADMIN_URL": None})
    assert done.exit_code == 1
    assert "SOFTCART_MONGO_ADMIN_URL is not set" in done.output
