"""``make latency``: from a commit in MySQL to its row in production's fact, and where each second goes.

The demo's traffic runs meanwhile, and so does Dagster's daemon, as `make ui` starts it. Sales are committed
at random moments, whether the one before has arrived or not. They are deleted at the end, and once the
traffic has ended production is compared with the shop. 100 samples or more are kept in `latency.md`.
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
from pathlib import Path
from random import Random

import click
import dagster as dg
from rich.console import Console
from rich.table import Table

from benchmarks.afterwards import Processes, differences, runs_since
from benchmarks.sales import Sales

KEPT = Path(__file__).with_name("latency.md")
KEPT_SAMPLES = 100
PAUSE_SECONDS = 12.0  # the longest one between two sales: 100 take ten minutes
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
@click.option("--seed", type=int, help="Makes the same pauses between two sales.")
def main(samples: int, seed: int | None) -> None:
    """Measure SAMPLES sales under the demo's traffic, and print how long each took on its way."""
    console = Console(record=True, width=100)
    with running("stack", "ui"), ExitStack() as opened:
        instance = opened.enter_context(dg.DagsterInstance.get())
        with running("demo", "traffic"), closing(Sales(instance)) as sales:
            sales.first()  # which waits for Dagster to start
            began, processes = time.time(), Processes()
            measured = measure(sales, samples, Random(seed), console)
        show(measured, console)
        found = differences(instance)
        console.print(f"{runs_since(instance, began)} in {(time.time() - began) / 60:.0f} minutes")
        console.print(f"memory: {processes.grown()}")
        console.print(f"shop and production once the traffic ended: {found or 'equal'}")
    if samples >= KEPT_SAMPLES:
        KEPT.write_text(kept(console))
    if found:
        sys.exit(1)


@contextmanager
def running(*command: str) -> Iterator[None]:
    """A command of this clone for as long as the block runs; where the UI is being served already, it ends at
    once and the other one's daemon does."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(60)


def measure(sales: Sales, samples: int, pauses: Random, console: Console) -> list[Sample]:
    """Sell at random moments until so many have arrived."""
    measured: list[Sample] = []
    next_at = time.time()
    while len(measured) < samples:
        if time.time() >= next_at and len(measured) + sales.under_way < samples:
            sales.sell()
            next_at = time.time() + pauses.uniform(0, PAUSE_SECONDS)
        for times in sales.arrived():
            measured.append(Sample(tuple(later - earlier for earlier, later in pairwise(times))))
            click.echo(f"{len(measured):>4} {measured[-1].total:6.1f} s")
    return measured


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


def kept(console: Console) -> str:
    load = os.getloadavg()[2]
    head = f"Made by `make latency` on {os.cpu_count()} cores, load average {load:.1f}: the demo's traffic, "
    return f"# From a commit in MySQL to production\n\n{head}sensors on.\n\n```\n{console.export_text()}```\n"


if __name__ == "__main__":
    main()
