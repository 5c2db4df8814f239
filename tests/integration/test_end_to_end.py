"""The whole graph through the dagster CLI on real servers, as CI or a cron job would run it."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pymysql
import pytest
from pymongo.database import Database

from demo import generate
from stack.cluster import Cluster
from sync.connections.postgresql import connect_postgresql
from tests.integration.declared import make_declared
from tests.integration.recount import read_sales, total

ROOT = Path(__file__).parents[2]
STAR = ("dim_date", "dim_category", "dim_country", "dim_product", "dim_customer", "fact_sales")


class Platform:
    """A landing folder, fresh databases, and the dagster CLI on them."""

    def __init__(self, landing: Path, exports: Path, settings: dict[str, str]) -> None:
        self.landing = landing
        self.exports = exports
        self.settings = settings

    def execute(self, job: str) -> subprocess.CompletedProcess[str]:
        return self._dagster("job", "execute", "-j", job)

    def materialize(self, selection: str) -> subprocess.CompletedProcess[str]:
        return self._dagster("asset", "materialize", "--select", selection)

    def _dagster(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        dagster = Path(sys.executable).with_name("dagster")
        return subprocess.run(
            [dagster, *arguments, "-f", ROOT / "definitions.py"],
            capture_output=True,
            text=True,
            check=False,
        )

    def execute_and_kill(self, job: str, table: str) -> None:
        """Kill the job by SIGKILL while it runs, once staging has `table`."""
        dagster = Path(sys.executable).with_name("dagster")
        process = subprocess.Popen(
            [dagster, "job", "execute", "-f", ROOT / "definitions.py", "-j", job],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while self.rows("staging", f"SELECT to_regclass('{table}')") == [(None,)]:
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with (
            closing(connect_postgresql(self.settings[f"SOFTCART_{database.upper()}_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(query)
            return cursor.fetchall()

    def write(self, database: str, statement: str) -> None:
        with (
            closing(connect_postgresql(self.settings[f"SOFTCART_{database.upper()}_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    def report(self, name: str) -> list[tuple[str, ...]]:
        with (self.exports / "reports" / f"{name}.csv").open(newline="") as file:
            return [tuple(row) for row in csv.reader(file)][1:]


@pytest.fixture
def graph(
    platform: dict[str, str], stack: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    landing, exports, home = tmp_path / "landing", tmp_path / "exports", tmp_path / "dagster"
    generate(landing, seed=7, size=400)
    distort(landing, random.Random(7))
    make_declared(stack, platform["SOFTCART_MONGO_ADMIN_URL"])
    home.mkdir()
    (home / "dagster.yaml").symlink_to(ROOT / "deploy" / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("SOFTCART_LANDING", str(landing))
    monkeypatch.setenv("SOFTCART_EXPORTS", str(exports))
    yield Platform(landing, exports, platform)


def distort(landing: Path, chance: random.Random) -> None:
    """Change the files at random: other amounts, other orders, another number of lines, calendar errors, a
    line that is none."""
    header, *facts = (landing / "FactSales.csv").read_text().splitlines()
    facts = [
        f"{line.rpartition(',')[0]},{chance.randint(1, 999999)}.{chance.randint(0, 99):02}"
        for line in facts
        if chance.random() < 0.9
    ]
    chance.shuffle(facts)
    (landing / "FactSales.csv").write_text("\n".join([header, *facts]))
    days = (landing / "DimDate.csv").read_text().splitlines()
    for number in chance.sample(range(1, len(days)), 5):
        cells = days[number].split(",")
        cells[3] = str(int(cells[3]) % 4 + 1)
        days[number] = ",".join(cells)
    (landing / "DimDate.csv").write_bytes("\ufeff".encode() + "\r\n".join(days).encode())
    with (landing / "inventory.csv").open("a") as file:
        file.write("no number,1,2\n")
    sales = (landing / "oltpdata.csv").read_text().splitlines()
    (landing / "oltpdata.csv").write_text("\n".join(chance.sample(sales, len(sales) * 9 // 10)))


def assets_without_rows() -> list[str]:
    """Materialized assets that do not show a row count."""
    with dg.DagsterInstance.get() as instance:
        newest = [instance.get_latest_materialization_event(key) for key in instance.all_asset_keys()]
    shown = [event.asset_materialization for event in newest if event and event.asset_materialization]
    assert shown
    return [each.label for each in shown if "dagster/row_count" not in each.metadata]


def check_reports(graph: Platform) -> None:
    sales = read_sales(graph.landing)
    for name, groups in {
        "sales_by_year_country": ("year", "country"),
        "sales_by_month_category": ("year", "month", "category"),
        "sales_by_quarter_country": ("year", "quarter", "country"),
        "sales_by_category_country": ("category", "country"),
        "total_sales_per_country": ("country",),
    }.items():
        assert graph.report(name) == total(sales, *groups), name
    by_level = {level: [] for level in ("category,country", "category", "country", "total")}
    for level, *cells in graph.report("sales_grouping_sets"):
        by_level[level].append(tuple(cell for cell in cells if cell))
    for level, rows in by_level.items():
        groups = () if level == "total" else tuple(level.split(","))
        assert sorted(rows) == sorted(total(sales, *groups)), level


def test_the_graph_follows_the_shop_through_landing_updates_and_deletes(
    graph: Platform, shop: pymysql.Connection[pymysql.cursors.Cursor], catalog: Database[dict[str, Any]]
) -> None:
    graph.execute_and_kill("refresh", "raw.sales_data")
    first = graph.execute("refresh")
    assert first.returncode == 0, first.stderr
    check_reports(graph)
    lines = sum(
        len((graph.landing / name).read_text().splitlines()) for name in ("FactSales.csv", "oltpdata.csv")
    )
    assert graph.rows("production", "SELECT count(*) FROM star.fact_sales") == [(lines - 1,)]

    rejected = dict(graph.rows("staging", "SELECT table_name, raw FROM quarantine.rejected_rows"))
    assert rejected.keys() == {"shop.inventory", "weblog.requests"}  # the demo's log has one malformed line
    assert rejected["shop.inventory"] == "no number,1,2"
    assert assets_without_rows() == ["exports lineage", "notebooks search_terms"]  # which are no tables

    # Again: nothing is written.
    written = graph.rows("staging", "SELECT last FROM sync.batch")
    stamps = {path: path.stat().st_mtime_ns for path in graph.exports.rglob("*.csv")}
    versions = [graph.rows("production", f"SELECT xmin::text FROM star.{name} ORDER BY 1") for name in STAR]
    second = graph.execute("refresh")
    assert second.returncode == 0, second.stderr
    assert graph.rows("staging", "SELECT last FROM sync.batch") == written
    assert {path: path.stat().st_mtime_ns for path in graph.exports.rglob("*.csv")} == stamps
    assert [
        graph.rows("production", f"SELECT xmin::text FROM star.{name} ORDER BY 1") for name in STAR
    ] == versions

    # The shop works on: a correction, a cancellation, a customer who moves and buys again, another price.
    with shop.cursor() as cursor:
        cursor.execute("SELECT rowid, price FROM sales_data ORDER BY rowid LIMIT 1")
        corrected, price = cursor.fetchone() or (0, Decimal(0))
        cursor.execute("UPDATE sales_data SET quantity = 77 WHERE rowid = %s", (corrected,))
        cursor.execute("SELECT max(rowid), max(product_id), max(customer_id) FROM sales_data")
        cancelled, product, customer = cursor.fetchone() or (0, 0, 0)
        cursor.execute("DELETE FROM sales_data WHERE rowid = %s", (cancelled,))
        cursor.execute("UPDATE customers SET country = 'Iceland' WHERE customer_id = %s", (customer,))
        cursor.execute(
            "INSERT INTO sales_data (product_id, customer_id, price, quantity, timestamp)"
            " VALUES (%s, %s, 12.34, 2, %s)",
            (product, customer, datetime.now() + timedelta(days=1)),
        )
    for collection in catalog.list_collection_names():
        catalog[collection].update_many({"product_id": product}, {"$set": {"model": "Renamed"}})
    synced = graph.execute("sync")
    assert synced.returncode == 0, synced.stderr
    fact = "SELECT amount FROM star.fact_sales WHERE origin = 'shop' AND source_id = {}"
    assert graph.rows("production", fact.format(corrected)) == [(price * 77,)]
    assert graph.rows("production", fact.format(cancelled)) == []
    assert graph.rows(
        "production",
        "SELECT country, is_current FROM star.dim_customer"
        f" WHERE customer_id = {customer} ORDER BY valid_from DESC LIMIT 1",
    ) == [("Iceland", True)]
    assert graph.rows(
        "production",
        "SELECT sum(amount)::text FROM star.fact_sales JOIN star.dim_country USING (country_key)"
        " WHERE country = 'Iceland'",
    ) == [("24.68",)]
    assert graph.rows(
        "production", f"SELECT model, is_current FROM star.dim_product WHERE product_id = {product}"
        " ORDER BY valid_from DESC LIMIT 1",
    ) == [("Renamed", True)]  # fmt: skip

    # Somebody writes to production behind the platform's back.
    graph.write(
        "production",
        f"UPDATE star.fact_sales SET amount = amount + 1 WHERE origin = 'shop' AND source_id = {corrected}",
    )
    tampered = graph.materialize("production/fact_sales")
    assert tampered.returncode != 0
    assert "production/fact_sales" in tampered.stderr + tampered.stdout
