"""`upkeep`: what a warehouse's tables want after a big load."""

from __future__ import annotations

from contextlib import closing

import click

from sync.cli.main import Command
from sync.cli.parameters import target_option
from sync.cli.rendering import say
from sync.errors import SyncError
from sync.systems import open_warehouse, warehouse_system


@click.command(cls=Command)
@target_option
def upkeep(target_url: str) -> None:
    """Sort and analyze the mirrored tables in TARGET_URL, a Redshift; other systems do so by themselves."""
    if warehouse_system(target_url) != "redshift":
        raise SyncError(f"{warehouse_system(target_url)} needs no upkeep that the platform would do")
    from sync.warehouses.redshift.warehouse import maintain  # noqa: PLC0415  (as the others)

    with closing(open_warehouse(target_url)) as warehouse, warehouse.reader() as reader:
        tables = sorted(reader.states())
    for table in tables:
        maintain(target_url, [table])
        say(f"{table} is vacuumed and analyzed")
