"""The demo shop's command line: `python -m demo generate` and `python -m demo traffic`."""

from __future__ import annotations

from pathlib import Path

import click

from demo.files import DEFAULT_SEED, DEFAULT_SIZE, generate


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


if __name__ == "__main__":
    cli()
