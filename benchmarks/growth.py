"""What a pass costs beside what the shop holds: `python -m benchmarks.growth`, on servers that run.

A pass of a hundred changes, and one with nothing new, as `make sync` makes them. CPU is that of the command
and of the database servers. Beside it stands what PostgreSQL read of its large tables by sequential scans,
which should not grow with them. See `growth.md`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import click
import psutil
from rich.console import Console
from rich.table import Table

from sync.connections.mysql import connect_mysql
from sync.connections.postgresql import connect_postgresql

CHANGES = 100
SOLD = """
    INSERT INTO sales_data (product_id, customer_id, price, quantity, timestamp)
    SELECT product_id, customer_id, price, quantity, UTC_TIMESTAMP() FROM sales_data
    ORDER BY rowid DESC LIMIT %s
"""
PLACES = "SELECT min(rowid), max(rowid) FROM sales_data"
CORRECTED = (
    "UPDATE sales_data SET quantity = quantity %% 9 + 1 WHERE rowid BETWEEN %s AND %s ORDER BY rowid LIMIT 1"
)
CANCELLED = "DELETE FROM sales_data WHERE rowid BETWEEN %s AND %s ORDER BY rowid LIMIT 1"
SERVERS = ("postgres", "mariadbd", "mysqld", "mongod")
READS = """
    SELECT schemaname || '.' || relname, coalesce(seq_tup_read, 0), n_live_tup FROM pg_stat_user_tables
    WHERE n_live_tup > 10000
"""
LARGEST = 12


@dataclass(frozen=True)
class Pass:
    """Seconds of one pass, of its wall and of all CPUs, and the rows that it read by sequential scans."""

    seconds: float
    cpu: float
    read: Mapping[str, int]


@click.command()
@click.option("--passes", default=3, show_default=True, type=click.IntRange(min=1))
def main(passes: int) -> None:
    """Measure PASSES passes of a hundred changes and as many with nothing new, and print the medians."""
    console = Console(width=100)
    run_pass()  # what is pending
    changed, idle = [], []
    for number in range(passes):
        change(number)
        changed.append(run_pass())
        idle.append(run_pass())
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("pass", "seconds", "CPU seconds"):
        table.add_column(heading, justify="left" if heading == "pass" else "right")
    for name, measured in ((f"{CHANGES} changes", changed), ("nothing new", idle)):
        medians = [
            statistics.median(each) for each in zip(*((p.seconds, p.cpu) for p in measured), strict=True)
        ]
        table.add_row(name, *(f"{median:.1f}" for median in medians))
    console.print(f"{sales():,} sales in the fact")
    console.print(table)
    for name, measured in ((f"{CHANGES} changes", changed), ("nothing new", idle)):
        console.print(f"rows read by sequential scans, {name}:")
        read = sorted(measured[-1].read.items(), key=lambda item: -item[1])[:LARGEST]
        for place, rows in read:
            console.print(f"  {place:<45}{rows:>14,}")


def change(number: int) -> None:
    """Change a hundred sales of the shop all over the table: 40 new, 50 corrected, 10 cancelled."""
    with (
        closing(connect_mysql(os.environ["SOFTCART_MYSQL_ADMIN_URL"], autocommit=True)) as shop,
        shop.cursor() as cursor,
    ):
        cursor.execute(SOLD, (40,))
        cursor.execute(PLACES)
        ((first, last),) = cursor.fetchall()
        step = (last - first) // 60
        for place in range(60):
            begin = first + place * step + number * 7
            cursor.execute(CANCELLED if place % 6 == 0 else CORRECTED, (begin, begin + step))


def run_pass() -> Pass:
    """One `make sync`."""
    before, cpu, started = dict(reads()), server_cpu(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "stack", "sync"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.communicate()[0]
    if process.returncode:
        raise click.ClickException(output.decode(errors="replace"))
    seconds = time.monotonic() - started
    time.sleep(1.5)  # until statistics are told
    read = {place: rows - before.get(place, 0) for place, rows in reads()}
    return Pass(seconds, server_cpu() - cpu, {place: rows for place, rows in read.items() if rows})


def reads() -> Iterator[tuple[str, int]]:
    """The rows that were read of each large table by sequential scans, since statistics began."""
    for name in ("STAGING", "PRODUCTION"):
        url = os.environ[f"SOFTCART_{name}_URL"]
        with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
            cursor.execute(READS)
            yield from ((f"{name.lower()} {table}", int(rows)) for table, rows, _ in cursor)


def server_cpu() -> float:
    """CPU seconds of this user's database servers below the home and of the commands that ended."""
    own = os.times()
    total = own.children_user + own.children_system
    home = os.path.realpath(os.environ.get("SOFTCART_HOME") or ".softcart")
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] in SERVERS and any(home in word for word in process.info["cmdline"] or ()):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def sales() -> int:
    """The sales in the fact."""
    url = os.environ["SOFTCART_STAGING_URL"]
    with closing(connect_postgresql(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM star.fact_sales WHERE NOT _deleted")
        ((rows,),) = cursor.fetchall()
    return int(rows)


if __name__ == "__main__":
    main()
