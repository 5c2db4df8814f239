"""`quarantine`: the rows that could not be loaded, and why."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby

import click

from sync.cli.main import Command
from sync.cli.parameters import json_option, target_option
from sync.cli.rendering import as_json, count, say
from sync.systems import open_target
from sync.targets.base import RejectedRow

SHOWN_ROWS = 50


@click.command(cls=Command)
@target_option
@click.option("--retry", is_flag=True, help="Let each table's next pass read its rows in quarantine again.")
@json_option
def quarantine(target_url: str, retry: bool, in_json: bool) -> None:
    """List the rows that could not be loaded into TARGET_URL, the newest of each table first.

    A row leaves the quarantine when a pass can load it, or when it is gone from the source.
    """
    with closing(open_target(target_url)) as target:
        tables = target.retry_rejected() if retry else []
        rows = target.rejected(SHOWN_ROWS)
    for name, found in groupby(rows, key=lambda row: row.table):
        for line in [as_json(_fields(row)) for row in found] if in_json else _lines(name, list(found)):
            say(line)
    if not rows:
        say("No row is in quarantine.", err=True)
    for schema, name in tables:
        say(f"{schema}.{name}: its next pass reads the rows in quarantine again", err=True)
    if retry and rows and not tables:
        say("None of these rows came from a synced table; land their files again.", err=True)


def _fields(row: RejectedRow) -> dict[str, object]:
    at = row.rejected_at.isoformat()
    return {"table": row.table, "key": row.key, "reason": row.reason, "raw": row.raw, "rejected_at": at}


def _lines(name: str, rows: list[RejectedRow]) -> list[str]:
    total = rows[0].of
    lines = [f"{name}: {count(total, 'row')} in quarantine"]
    for row in rows:
        lines += [f"  {row.key}  {row.rejected_at:%Y-%m-%d %H:%M:%S}Z  {row.reason}", f"    {row.raw}"]
    return [*lines, f"  and {total - len(rows):,} older ones"] if total > len(rows) else lines
