"""``make latency``: from a commit in MySQL to its row in production's fact, and where each second goes.

The demo's traffic runs meanwhile, and so does Dagster's daemon, as `make ui` starts it. The sales that are
measured are deleted at the end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import click
import dagster as dg
from dagster import RunsFilter
from psycopg2.extensions import connection as PostgreSQLConnection
from pymysql.connections import Connection as MySQLConnection
from rich.console import Console
from rich.table import Table

from softcart_assets.requests import SOURCE_TAG
from sync.connections import connect_mysql, connect_postgresql

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 300.0
SALE = """
    INSERT INTO sales_data (product_id, customer_id, price, quantity, timestamp)
    SELECT product_id, customer_id, price, 1, UTC_TIMESTAMP() FROM sales_data ORDER BY rowid DESC LIMIT 1
"""
SOLD = "SELECT 1 FROM sales_data WHERE rowid = %s"
RAW = "SELECT 1 FROM raw.sales_data WHERE rowid = %s"
FACT = "SELECT 1 FROM star.fact_sales WHERE sale_key = %s::numeric * 2 + 1"  # as the star numbers sales
STAGES = (
    ("commit to request", "waiting for a tick, or for the run before"),
    ("request to start", "queue, and a process that imports the definitions"),
    ("start to raw", "sync from MySQL"),
    ("raw to star", "dbt"),
    ("star to production", "the star's tests, reports, mirror"),
)


@dataclass(frozen=True)
class Sample:
    """Seconds of each stage."""

    stages: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.stages)


@click.command()
@click.option("--samples", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", type=int, help="Makes the same pauses between two samples.")
def main(samples: int, seed: int | None) -> None:
    """Measure SAMPLES sales under the demo's traffic, and print how long each took on its way."""
    console = Console()
    with following(), dg.DagsterInstance.get() as instance, ExitStack() as opened:
        shop: MySQLConnection[Any] = opened.enter_context(
            closing(connect_mysql(os.environ["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True))
        )
        staging = opened.enter_context(closing(connect_postgresql(os.environ["SOFTCART_STAGING_URL"])))
        production = opened.enter_context(closing(connect_postgresql(os.environ["SOFTCART_PRODUCTION_URL"])))
        rowids: list[int] = []
        measured: list[Sample] = []
        pauses = Random(seed)
        try:
            while len(measured) < samples:
                rowids.append(_sell(shop))
                sample = _follow(rowids[-1], shop, staging, production, instance)
                if sample is None:
                    continue
                measured.append(sample)
                console.print(f"{len(measured):>4} {sample.total:6.1f} s", highlight=False)
                time.sleep(pauses.uniform(0, 10))  # or each would begin just after a run
        finally:
            _delete(shop, rowids)
    show(measured, console)


@contextmanager
def following() -> Iterator[None]:
    """Dagster's daemon and the demo's traffic, for as long as the block runs."""
    commands = ["stack", "ui"], ["demo", "traffic"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]  # where the UI is being served already, its own daemon does
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)


def _sell(shop: MySQLConnection[Any]) -> int:
    with shop.cursor() as cursor:
        cursor.execute(SALE)
        return int(cursor.lastrowid or 0)


def _delete(shop: MySQLConnection[Any], rowids: list[int]) -> None:
    with shop.cursor() as cursor:
        cursor.executemany("DELETE FROM sales_data WHERE rowid = %s", [(rowid,) for rowid in rowids])


def _follow(
    rowid: int,
    shop: MySQLConnection[Any],
    staging: PostgreSQLConnection,
    production: PostgreSQLConnection,
    instance: dg.DagsterInstance,
) -> Sample | None:
    """A sale on its way; None for one that a customer cancelled meanwhile, as the traffic does."""
    committed = time.time()
    seen = []
    for connection, query in ((staging, RAW), (staging, FACT), (production, FACT)):
        while not _has(connection, query, rowid):
            if not _has(shop, SOLD, rowid):
                return None
            if time.time() > committed + PATIENCE_SECONDS:
                raise click.ClickException(
                    f"sale {rowid} has not arrived after {PATIENCE_SECONDS:g} s; see Dagster's runs"
                )
            time.sleep(POLL_SECONDS)
        seen.append(time.time())
    requested, started = _run(instance, seen[0])
    times = (committed, max(requested, committed), max(started, committed), *seen)
    return Sample(tuple(later - earlier for earlier, later in pairwise(times)))


def _has(connection: MySQLConnection[Any] | PostgreSQLConnection, query: str, rowid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query, (rowid,))
        return cursor.fetchone() is not None


def _run(instance: dg.DagsterInstance, seen: float) -> tuple[float, float]:
    """When the run that brought a row was requested, and when it started."""
    for record in instance.get_run_records(RunsFilter(tags={SOURCE_TAG: "mysql"}), limit=10):
        if record.start_time and record.start_time <= seen:
            return record.create_timestamp.timestamp(), record.start_time
    raise click.ClickException("another run than a sensor's brought the row; run nothing else meanwhile")


def show(samples: list[Sample], console: Console) -> None:
    """Median, 95th percentile and maximum of each stage and of the whole."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("seconds", "median", "p95", "max", ""):
        table.add_column(heading, justify="left" if heading in ("seconds", "") else "right")
    for index, (name, what) in enumerate(STAGES):
        table.add_row(name, *_figures([sample.stages[index] for sample in samples]), what)
    table.add_row("commit to production", *_figures([sample.total for sample in samples]))
    console.print(table)


def _figures(seconds: list[float]) -> list[str]:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return [f"{figure:.1f}" for figure in (statistics.median(ordered), p95, ordered[-1])]


if __name__ == "__main__":
    main()
