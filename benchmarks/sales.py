"""Sales that are followed on their way from MySQL to production."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Any

import click
import dagster as dg
from dagster import RunsFilter
from pymysql.connections import Connection as MySQLConnection

from softcart_assets.sensors.health import LOG_SOURCES
from softcart_assets.sensors.runs import SOURCE_TAG
from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 300.0
START_SECONDS = 900.0  # for the first sale: Dagster starts meanwhile, and may parse dbt's project
SALE = """
    INSERT INTO sales_data (product_id, customer_id, price, quantity, timestamp)
    SELECT product_id, customer_id, price, 1, UTC_TIMESTAMP() FROM sales_data ORDER BY rowid DESC LIMIT 1
"""
SOLD = "SELECT rowid FROM sales_data WHERE rowid IN %s"
RAW = "SELECT rowid FROM raw.sales_data WHERE rowid IN %s"
FACT = "SELECT source_id FROM star.fact_sales WHERE sale_key IN %s"


@dataclass
class Sale:
    """A sale of this number, when it was committed and when it was seen in raw, star and production."""

    rowid: int
    committed: float
    seen: list[float] = field(default_factory=list)

    @property
    def key(self) -> int:
        """As the star numbers sales."""
        return self.rowid * 2 + 1


class Sales:
    """Sells, and looks where the sales are. Takes back at the end what it sold."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._opened = ExitStack()
        self._shop: MySQLConnection[Any] = self._opened.enter_context(
            closing(connect_mysql(os.environ["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True))
        )
        staging, production = (
            self._opened.enter_context(closing(connect_postgresql(os.environ[name])))
            for name in ("SOFTCART_STAGING_URL", "SOFTCART_PRODUCTION_URL")
        )
        self._places = ((staging, RAW), (staging, FACT), (production, FACT))
        self._under_way: list[Sale] = []
        self._sold: list[int] = []

    @property
    def under_way(self) -> int:
        """How many sales have not arrived."""
        return len(self._under_way)

    def first(self) -> None:
        """Sell once, and wait until that has arrived; again where a customer cancelled it meanwhile."""
        while True:
            if not self._under_way:
                self.sell()
            for _ in self.arrived(START_SECONDS):
                return

    def sell(self) -> None:
        """Commit one more sale."""
        with self._shop.cursor() as cursor:
            cursor.execute(SALE)
            rowid = int(cursor.lastrowid or 0)
        self._sold.append(rowid)
        self._under_way.append(Sale(rowid, time.time()))

    def arrived(self, patience: float = PATIENCE_SECONDS) -> Iterator[tuple[float, ...]]:
        """After a moment, the times of each sale that is in production now: committed, run requested, run
        started, in raw, in star, in production. Raises `ClickException` for one that took longer than
        `patience` allows."""
        time.sleep(POLL_SECONDS)
        if not self._under_way:
            return
        there = _found(self._shop, SOLD, [sale.rowid for sale in self._under_way])
        self._under_way = [sale for sale in self._under_way if sale.rowid in there]  # else it was cancelled
        for stage, (connection, query) in enumerate(self._places):
            waiting = [sale for sale in self._under_way if len(sale.seen) == stage]
            found = _found(connection, query, [sale.rowid if query == RAW else sale.key for sale in waiting])
            for sale in waiting:
                if sale.rowid in found:
                    sale.seen.append(time.time())
                elif time.time() > sale.committed + patience:
                    raise click.ClickException(
                        f"sale {sale.rowid} has not arrived after {patience:g} s; see Dagster's runs"
                    )
        done = [sale for sale in self._under_way if len(sale.seen) == len(self._places)]
        self._under_way = [sale for sale in self._under_way if sale not in done]
        for sale in done:
            requested, started = (max(at, sale.committed) for at in self._run(sale.seen[0]))
            yield sale.committed, requested, started, *sale.seen

    def _run(self, seen: float) -> tuple[float, float]:
        """When the run that brought a row was requested, and when it started."""
        asked = RunsFilter(tags={SOURCE_TAG: sorted(LOG_SOURCES)})
        for record in self._instance.get_run_records(asked, limit=20):
            if record.start_time and record.start_time <= seen:
                return record.create_timestamp.timestamp(), record.start_time
        raise click.ClickException("another run than a sensor's brought the row; run nothing else meanwhile")

    def close(self) -> None:
        with self._opened, self._shop.cursor() as cursor:
            cursor.executemany("DELETE FROM sales_data WHERE rowid = %s", [(rowid,) for rowid in self._sold])


def _found(connection: Any, query: str, keys: Sequence[int]) -> set[int]:
    if not keys:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(query, (tuple(keys),))
        return {int(rowid) for (rowid,) in cursor.fetchall()}
