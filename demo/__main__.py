"""The demo shop's command line: `python -m demo generate` and `python -m demo traffic`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from random import Random
from threading import Event
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console

from demo.display import Display
from demo.files import DEFAULT_SEED, DEFAULT_SIZE, generate
from demo.shop import open_shop
from demo.traffic import run, ticks
from sync.errors import SyncError


@click.group(help=__doc__)
def cli() -> None:
    pass


@cli.command("generate")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seed", default=DEFAULT_SEED, show_default=True, help="The same seed makes the same shop.")
@click.option(
    "--size",
    default=DEFAULT_SIZE,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of current sales; everything else scales with it.",
)
def generate_command(folder: Path, seed: int, size: int) -> None:
    """Write the landing files of a shop into FOLDER."""
    for path in generate(folder, seed=seed, size=size):
        click.echo(f"{path.name:24}{path.stat().st_size:>14,} bytes")


@cli.command("traffic")
@click.option(
    "--rate", default=5.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Acts per second."
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), help="Stop after so long; else on Ctrl-C."
)
@click.option("--seed", type=int, help="Makes the same choices where the shop is the same.")
def traffic_command(rate: float, seconds: float | None, seed: int | None) -> None:
    """Write to the running shop like its customers and staff, until stopped.

    The databases are those of SOFTCART_MYSQL_ADMIN_URL and SOFTCART_MONGO_ADMIN_URL.
    """
    mysql_url, mongo_url = _admin_url("SOFTCART_MYSQL_ADMIN_URL"), _admin_url("SOFTCART_MONGO_ADMIN_URL")
    zone, stop = _business_zone(), Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    display = Display(Console())
    try:
        with display:
            totals = run(
                lambda: open_shop(mysql_url, mongo_url, zone, Random(seed)),
                ticks(rate, stop, seconds),
                stop,
                display,
            )
    except SyncError as error:
        raise click.ClickException(str(error)) from error
    display.note(f"stopped  {display.line(totals)}")


def _admin_url(name: str) -> str:
    if url := os.environ.get(name):
        return url
    raise click.ClickException(
        f"{name} is not set, and traffic writes to no other database. For the local servers: make up, then"
        ' eval "$(make -s env)"'
    )


def _business_zone() -> ZoneInfo:
    name = os.environ.get("SOFTCART_TIMEZONE") or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.ClickException(
            f"SOFTCART_TIMEZONE is {name!r}: it takes a name as Europe/Berlin"
        ) from error


if __name__ == "__main__":
    cli()
