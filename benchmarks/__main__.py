"""``python -m benchmarks`` (``make bench``): measures, and writes what was measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.console import Console

from benchmarks import db2, forecast, workloads
from benchmarks.peers import BY_DEFAULT, ON_REQUEST
from benchmarks.report import circumstances, document, show, show_scenes
from benchmarks.runner import Runner
from benchmarks.servers import running
from benchmarks.workloads.base import Sizes
from stack.home import Home

SCENARIOS = "scenarios"
FORECAST = "forecast"
DB2 = "db2"  # on request alone
RESULTS = Path(__file__).parent / "results.md"


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of the wide table.")
@click.option("--documents", default=200_000, show_default=True, help="MongoDB documents.")
@click.option("--rounds", default=5, show_default=True, help="Runs of every contender.")
@click.option(
    "--only",
    type=click.Choice([*(each.name for each in workloads.ALL), SCENARIOS, FORECAST, DB2]),
    multiple=True,
    help=f"What to measure; everything but {DB2} by default.",
)
@click.option("--peer", type=click.Choice(ON_REQUEST), multiple=True, help="A further peer to measure.")
@click.option("--no-peers", is_flag=True, help="Measure no other tool.")
@click.option(
    "--m3",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with M3's monthly series; by default m3 in SOFTCART_LANDING.",
)
@click.option("--all-series", is_flag=True, help=f"Forecast all of them, not each {forecast.EVERY}th.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="The file to write.")
def main(
    rows: int,
    documents: int,
    rounds: int,
    only: tuple[str, ...],
    peer: tuple[str, ...],
    no_peers: bool,
    m3: Path | None,
    all_series: bool,
    results: Path,
) -> None:
    """Measure the sync engine beside the raw pipe and other tools, on servers of its own."""
    console = Console()
    if not only or FORECAST in only:
        _forecast(m3, 1 if all_series else forecast.EVERY, console)
    if DB2 in only:
        _db2(min(rows, db2.ROWS), rounds, console)
    if only and set(only) <= {FORECAST, DB2}:
        return
    peers = () if no_peers else (*BY_DEFAULT, *peer)
    chosen = [each for each in workloads.ALL if not only or each.name in only]
    scenes = None
    with running() as servers:
        runner = Runner(servers, Sizes(rows, documents), rounds, peers, Home.from_environment().root, _say)
        under = circumstances(rounds, servers.versions())
        outcomes = []
        if not only or SCENARIOS in only:
            scenes = runner.scenarios()
            show_scenes(scenes, console)
        for workload in chosen:
            outcomes.append(runner.measure(workload))
            show(outcomes[-1], console)
            results.write_text(document(outcomes, scenes, under))  # what is measured survives a Ctrl-C
        results.write_text(document(outcomes, scenes, under))
    console.print(f"written to {results}")


def _forecast(folder: Path | None, every: int, console: Console) -> None:
    folder = folder or Path(os.environ.get("SOFTCART_LANDING", "")) / "m3"
    if not (folder / "monthly.csv.gz").is_file():
        _say("forecast: left out, for M3's monthly series are not here: name their folder with --m3")
        return
    text = forecast.document(*forecast.measure(folder, every))
    forecast.RESULTS.write_text(text)
    console.print(text, markup=False, highlight=False)


def _db2(rows: int, rounds: int, console: Console) -> None:
    load = os.getloadavg()[0]
    text = db2.document(rows, db2.measure(rows, rounds, _say), load)
    db2.RESULTS.write_text(text)
    console.print(text, markup=False, highlight=False)


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    sys.exit(main())
