"""First loads by Spark beside the engine's own: `python -m benchmarks.bulk [--rows 1000000 --rows 4000000]`.

Seconds of wall time and CPU seconds of this process with the JVM, the servers' apart, of the same table from
MariaDB into PostgreSQL, with the session up. The driver comes from Maven Central.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import click
import psutil

from benchmarks.data import KEY, TABLE, fill_order_lines
from benchmarks.measure import jvms
from benchmarks.servers import Servers, running
from lake.bulk import DRIVER, bulk_folder, empty, lines_in, read_by_spark
from lake.location import Location
from resources.spark import SparkResource
from sync.bulk_load import keep_first_load
from sync.connections.urls import parse
from sync.engine import run_pass
from sync.first_load import log_position
from sync.sources.mysql.source import MySQLSource
from sync.spec import Strategy, Table
from sync.targets.postgresql.target import PostgreSQLTarget

DATABASE = "bench_bulk"
LINES = Table(TABLE, "mysql", "shop", strategy=Strategy.LOG, key=(KEY,))
PART_ROWS = 500_000


@dataclass(frozen=True)
class Took:
    """Seconds: of wall time, and of CPU in our processes."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s {self.cpu:8.1f} CPU s"


@click.command(help=__doc__)
@click.option("--rows", default=(1_000_000, 4_000_000), show_default=True, multiple=True)
def main(rows: tuple[int, ...]) -> None:
    spark = SparkResource(master="local[2]", packages=DRIVER)
    try:
        with running() as servers:
            measured(spark.session.range(1).count)
            for number in rows:
                fill_order_lines(servers, number)
                alone = measured(lambda: by_engine(servers))
                together = measured(lambda: by_spark(servers, spark))
                click.echo(f"{number:>12,} rows   engine {alone}   by Spark {together}")
    finally:
        spark.stop()


def measured(action: Callable[[], object]) -> Took:
    """What an action takes in this process and in Spark's."""
    processes = [psutil.Process(), *jvms()]
    before, began = _cpu(processes), time.monotonic()
    action()
    return Took(time.monotonic() - began, _cpu(processes) - before)


def _cpu(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def by_engine(servers: Servers) -> None:
    """The engine's own first load."""
    servers.fresh_target(DATABASE)
    with (
        closing(MySQLSource(servers.urls["SOFTCART_MYSQL_URL"])) as source,
        closing(PostgreSQLTarget(servers.target_url(DATABASE))) as target,
    ):
        run_pass(LINES, source, target, "a benchmark")


def by_spark(servers: Servers, spark: SparkResource) -> None:
    """The same by Spark and the lake."""
    servers.fresh_target(DATABASE)
    url = servers.urls["SOFTCART_MYSQL_URL"]
    with (
        tempfile.TemporaryDirectory(dir=servers.home.root) as folder,
        closing(MySQLSource(url)) as source,
        closing(PostgreSQLTarget(servers.target_url(DATABASE))) as target,
    ):
        with source.snapshot() as snapshot:
            position = log_position(LINES, source, snapshot)
            lines = snapshot.lines(LINES, source.describe(LINES).columns, PART_ROWS)
        place = bulk_folder(LINES.schema, LINES.name)
        read = read_by_spark(spark.session, parse(url), lines, Location.parse(folder), place)
        with source.snapshot() as snapshot:
            keep_first_load(
                LINES, source, target, position,
                lambda columns: snapshot.chunks_of(LINES, columns, lines_in(read)), "a benchmark",
            )  # fmt: skip
        empty(read)
        run_pass(LINES, source, target, "a benchmark")


if __name__ == "__main__":
    main()
