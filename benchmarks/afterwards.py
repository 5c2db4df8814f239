"""What Dagster's processes and runs came to while sales were measured, and what became of the shop's rows."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import psutil
from dagster import DagsterRunStatus, RunsFilter
from pymongo import MongoClient

from softcart_assets.seams import find_runs
from softcart_assets.sensors.runs import IN_FLIGHT
from softcart_assets.tables import CATALOG
from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql

PATIENCE_SECONDS = 180.0
ROLES = {
    "daemon": ["dagster._daemon"],
    "code server": ["dagster", "api", "grpc"],
    "dbt": ["softcart_assets.dbt.warm"],
}
MIB = 1 << 20

Rows = set[tuple[Any, ...]]


class Processes:
    """Dagster's own processes of this home and the one that keeps dbt ready, with their memory at first."""

    def __init__(self) -> None:
        self._first = _memory()

    def grown(self) -> str:
        """`daemon 210 to 212 MiB, …`"""
        now = _memory()
        figures = [
            f"{role} {self._first.get(role, 0):.0f} to {now.get(role, 0):.0f} MiB"
            for role in ROLES
            if role in now
        ]
        return ", ".join(figures)


def _memory() -> dict[str, float]:
    """The memory in MiB of the largest process of each role."""
    found: dict[str, float] = {}
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if process.environ().get("DAGSTER_HOME") != os.environ["DAGSTER_HOME"]:
                continue
            for role, words in ROLES.items():
                if all(word in command for word in words):
                    found[role] = max(found.get(role, 0.0), process.memory_info().rss / MIB)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def runs_since(instance: dg.DagsterInstance, began: float) -> str:
    """`90 runs succeeded, 0 failed`"""
    since = RunsFilter(created_after=datetime.fromtimestamp(began, UTC))
    counts = Counter(run.status for run in find_runs(instance, since))
    succeeded, failed = counts[DagsterRunStatus.SUCCESS], counts[DagsterRunStatus.FAILURE]
    return f"{succeeded} runs succeeded, {failed} failed"


def differences(instance: dg.DagsterInstance) -> str:
    """What production has other than the shop, once it had the time to follow; empty where they are equal."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        waiting = find_runs(instance, RunsFilter(statuses=IN_FLIGHT))
        found = "; ".join(
            f"{len(shop - production)} {name} are missing or differ, {len(production - shop)} too many"
            for name, shop, production in (
                ("sales", *_sales()),
                ("customers", *_customers()),
                ("products", *_products()),
            )
            if shop != production
        )
        if not (found or waiting) or time.monotonic() > until:
            return found
        time.sleep(1)


def _sales() -> tuple[Rows, Rows]:
    return (
        _shop("SELECT rowid, quantity, price FROM sales_data"),
        _production("SELECT source_id, quantity, price FROM star.fact_sales WHERE sale_key % 2 = 1"),
    )


def _customers() -> tuple[Rows, Rows]:
    columns = "customer_id, first_name, last_name, email, city"
    return (
        _shop(f"SELECT {columns} FROM customers"),
        _production(f"SELECT {columns} FROM star.dim_customer WHERE is_current AND customer_id IS NOT NULL"),
    )


def _products() -> tuple[Rows, Rows]:
    with MongoClient[dict[str, Any]](os.environ["SOFTCART_MONGO_ADMIN_URL"]) as client:
        catalog = client.get_default_database()
        shop = {
            (document["product_id"], document.get("type"), document.get("model"))
            for table in CATALOG
            for document in catalog[table.source_name].find({"product_id": {"$ne": None}})
        }
    return shop, _production(
        "SELECT product_id, type, model FROM star.dim_product"
        " WHERE is_current AND NOT is_inferred AND product_id IS NOT NULL"
    )


def _shop(query: str) -> Rows:
    with closing(connect_mysql(os.environ["SOFTCART_MYSQL_ADMIN_URL"])) as shop, shop.cursor() as cursor:
        cursor.execute(query)
        return set(cursor.fetchall())


def _production(query: str) -> Rows:
    with (
        closing(connect_postgresql(os.environ["SOFTCART_PRODUCTION_URL"])) as production,
        production.cursor() as cursor,
    ):
        cursor.execute(query)
        return set(cursor.fetchall())
