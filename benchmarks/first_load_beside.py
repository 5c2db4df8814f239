"""``make beside``: the first load of a large table beside the live syncs of the others.

How long sales take from MySQL to production is measured under the demo's traffic, with nothing else going on,
while a table of ROWS rows is loaded for the first time, and after that. That table is declared in a copy of
this clone, as `docs/extending.md` says, since a sensor requests the load of a table that is declared. It is
dropped at the end. It needs the platform of `make run`, and the environment of `make env`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import click
import dagster as dg
from dagster import RunsFilter
from rich.console import Console

from benchmarks.latency import Sample, running, show
from benchmarks.sales import Sales
from softcart_assets.first_loads import TAG
from stack.home import CLONE, Home
from stack.mariadb import MariaDB
from stack.ports import Ports
from sync.connections.postgresql import connect_postgresql

KEPT = Path(__file__).with_name("beside.md")
KEPT_ROWS = 5_000_000
NAME = "page_views"
QUALIFIED = f"raw.{NAME}"
DECLARATION = (
    f'    Table(name="{NAME}", source="mysql", database="shop", key=("view_id",), strategy=Strategy.LOG),\n'
)
PAUSE_SECONDS = 8.0
QUIET_SECONDS = 180.0  # before the load, and after it
FILL = f"""
    CREATE TABLE shop.{NAME} (
        view_id BIGINT PRIMARY KEY, customer_id INT NOT NULL, page VARCHAR(40) NOT NULL,
        viewed_at DATETIME NOT NULL
    ) AS SELECT seq AS view_id, 10001 + seq % 2500 AS customer_id, concat('/products/', seq % 5000) AS page,
        timestamp '2026-01-01 00:00:00' + INTERVAL seq % 20000000 SECOND AS viewed_at
    FROM shop.seq_1_to_{{rows}}
"""


@click.command()
@click.option("--rows", default=20_000_000, show_default=True, type=click.IntRange(min=2_000_000))
def main(rows: int) -> None:
    """Measure sales with and without a first load of ROWS rows beside them."""
    console = Console(record=True, width=100)
    with dg.DagsterInstance.get() as instance:
        with running("stack", "ui"):
            before = measured(instance, _later(QUIET_SECONDS))
        with filled(rows), copy_of_clone() as clone, ui_of(clone):
            began = datetime.now(UTC)
            during = measured(instance, lambda: _load(instance, began) is not None)
            record = _load(instance, began)
            assert record and record.start_time and record.end_time
            arrived, seconds = _arrived(), record.end_time - record.start_time
            after = measured(instance, _later(QUIET_SECONDS))
    for title, samples in (("before", before), ("during the load", during), ("after it", after)):
        console.print(f"{title}, {len(samples)} sales:")
        show(samples, console)
    console.print(
        f"{QUALIFIED}: {arrived:,} of {rows:,} rows in {seconds:.0f} s, {rows / seconds:,.0f} a second"
    )
    if rows >= KEPT_ROWS and arrived == rows:
        KEPT.write_text(_kept(rows, console))
    if arrived != rows:
        sys.exit(1)


def measured(instance: dg.DagsterInstance, is_over: Callable[[], bool]) -> list[Sample]:
    """Sell at random moments under the demo's traffic until it is over."""
    samples: list[Sample] = []
    pauses, next_at = Random(7), time.time()
    with running("demo", "traffic"), closing(Sales(instance)) as sales:
        sales.first()
        while not is_over() or sales.under_way:
            if time.time() >= next_at and not is_over():
                sales.sell()
                next_at = time.time() + pauses.uniform(0, PAUSE_SECONDS)
            for times in sales.arrived():
                samples.append(Sample(tuple(later - earlier for earlier, later in pairwise(times))))
                click.echo(f"{len(samples):>4} {samples[-1].total:6.1f} s")
    return samples


def _later(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have passed since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _load(instance: dg.DagsterInstance, since: datetime) -> dg.RunRecord | None:
    """The run that has loaded the table. Raises `ClickException` for one that has failed."""
    chosen = RunsFilter(tags={TAG: QUALIFIED}, created_after=since)
    record = next((each for each in instance.get_run_records(chosen, limit=1) if each.end_time), None)
    if record and not record.dagster_run.is_success:
        raise click.ClickException(f"run {record.dagster_run.run_id}, which loads {QUALIFIED}, has failed")
    return record


@contextmanager
def filled(rows: int) -> Iterator[None]:
    """The table in the shop, which the log of the shop does not have: it was there before."""
    home = Home.from_environment()
    port = Ports(home).known()["mysql"]
    with MariaDB(home).connect(port) as root, root.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute(f"DROP TABLE IF EXISTS shop.{NAME}")
        click.echo(f"making {rows:,} rows")
        cursor.execute(FILL.format(rows=rows))
        cursor.execute(f"ANALYZE TABLE shop.{NAME}")
    try:
        yield
    finally:
        with MariaDB(home).connect(port) as root, root.cursor() as cursor:
            cursor.execute("SET sql_log_bin = 0")
            cursor.execute(f"DROP TABLE shop.{NAME}")
        url = os.environ["SOFTCART_STAGING_URL"]
        with closing(connect_postgresql(url)) as staging, staging.cursor() as writer:
            writer.execute(f"DROP TABLE IF EXISTS {QUALIFIED}")
            writer.execute("DELETE FROM sync.tables WHERE table_name = %s", (NAME,))


@contextmanager
def copy_of_clone() -> Iterator[Path]:
    """A copy of this clone that declares the table; its state is this one's."""
    with TemporaryDirectory() as folder:
        listed = subprocess.run(["git", "ls-files"], cwd=CLONE, capture_output=True, text=True, check=True)
        for name in listed.stdout.splitlines():
            if (CLONE / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CLONE / name, Path(folder) / name)
        declared = Path(folder) / "softcart_assets" / "tables.py"
        text = declared.read_text()
        declared.write_text(text.replace("SHOP = (\n", f"SHOP = (\n{DECLARATION}", 1))
        yield Path(folder)


@contextmanager
def ui_of(clone: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stack", "ui"],
        cwd=clone,
        env={**os.environ, "SOFTCART_HOME": str(Home.from_environment().root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)


def _arrived() -> int:
    url = os.environ["SOFTCART_STAGING_URL"]
    with closing(connect_postgresql(url)) as staging, staging.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {QUALIFIED}")
        ((count,),) = cursor.fetchall()
    return int(count)


def _kept(rows: int, console: Console) -> str:
    load = os.getloadavg()[2]
    return (
        "# A first load beside live syncs\n\n"
        f"Made by `make beside` on {os.cpu_count()} cores, load average {load:.1f}: sales from their commit"
        f" in MySQL to production under the demo's traffic, before, while and after a table of {rows:,} rows"
        " is loaded.\n\n"
        f"```\n{console.export_text()}```\n"
    )


if __name__ == "__main__":
    main()
