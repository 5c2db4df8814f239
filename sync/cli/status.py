"""`status`: where each table of a target stands."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click

from sync.cli.main import Command
from sync.cli.parameters import json_option, target_option
from sync.cli.rendering import as_json, columns, duration, position_text, position_value, say
from sync.connections.postgresql import connect_postgresql
from sync.connections.urls import parse
from sync.systems import open_target
from sync.table_state import TableState
from sync.warehouses.postgresql.progress import read_progress
from sync.warehouses.rolling import Progress
from sync.warehouses.schema import TableName

HEADINGS = ("table", "source", "strategy", "position", "lag", "rows", "quarantined", "last pass")
COMPARED = ("mirrored table", "every row compared")


@click.command(cls=Command)
@target_option
@json_option
@click.option("--prometheus", is_flag=True, help="Print metrics in Prometheus' format.")
def status(target_url: str, in_json: bool, prometheus: bool) -> None:
    """Show the tables of TARGET_URL: source, strategy, position, lag, rows, quarantined rows, last pass.

    The lag is the time since the moment of the source that the table shows. For a watermark on a time, the
    time since the greatest cursor that was read for certain stands beside it. A table that somebody else has
    emptied or dropped is marked: the next pass reads it whole. Of a staging database also the tables that are
    mirrored from it, and since when each of their rows was compared with production.
    """
    with closing(open_target(target_url)) as target:
        states = target.states()
        emptied = target.emptied()
    with closing(connect_postgresql(target_url)) as connection:
        compared = read_progress(connection)
    now = datetime.now(UTC)
    if prometheus:
        from sync.metrics import exposition, table_metrics  # noqa: PLC0415

        click.echo(
            exposition(table_metrics(parse(target_url).database or "target", states, emptied)), nl=False
        )
    elif in_json:
        for (schema, name), state in states.items():
            say(as_json(_fields(f"{schema}.{name}", state, now, (schema, name) in emptied)))
        for mirrored, progress in compared.items():
            oldest = progress.oldest.isoformat() if progress.oldest else None
            say(as_json({"mirrored": str(mirrored), "compared_since": oldest, "differs": progress.differs}))
    elif states:
        rows = [
            _row(f"{schema}.{name}", state, now, (schema, name) in emptied)
            for (schema, name), state in states.items()
        ]
        for line in columns(HEADINGS, rows, right={"lag", "rows"}):
            say(line)
    else:
        say("Nothing was copied to this database yet.", err=True)
    if compared and not (in_json or prometheus):
        say("")
        rows = [_compared_row(name, progress, now) for name, progress in compared.items()]
        for line in columns(COMPARED, rows, right=set()):
            say(line)


def _compared_row(name: TableName, progress: Progress, now: datetime) -> Mapping[str, str]:
    age = _seconds(now, progress.oldest)
    found = "differs: it is compared whole until it is repaired" if progress.differs else ""
    since = "not every row yet" if age is None else f"{duration(age)} ago or later"
    return {"mirrored table": str(name), "every row compared": found or since}


def _fields(name: str, state: TableState, now: datetime, emptied: bool) -> dict[str, Any]:
    return {
        "table": name,
        "source": state.source,
        "strategy": state.strategy,
        "position": position_value(state.position),
        "lag_seconds": _seconds(now, state.synced_at),
        "cursor_lag_seconds": _seconds(now, cursor_time(state)),
        "rows": state.rows,
        "emptied": emptied,
        "quarantined": state.quarantined,
        "retry": state.retry,
        "last_pass": {
            "run_id": state.run_id,
            "at": state.synced_at.isoformat(),
            "read": state.read,
            "inserted": state.inserted,
            "updated": state.updated,
            "deleted": state.deleted,
            "seconds": state.seconds,
        },
        "compared_at": state.compared_at.isoformat() if state.compared_at else None,
    }


def _row(name: str, state: TableState, now: datetime, emptied: bool) -> Mapping[str, str]:
    cursor = _seconds(now, cursor_time(state))
    lag = duration(_seconds(now, state.synced_at) or 0)
    changes = ((state.inserted, "+"), (state.updated, "~"), (state.deleted, "-"))
    done = " ".join(f"{sign}{count:,}" for count, sign in changes if count)
    took = "" if state.seconds is None else f", {state.seconds:.1f} s"
    return {
        "table": name,
        "source": state.source,
        "strategy": state.strategy,
        "position": position_text(state.position),
        "lag": lag if cursor is None else f"{lag} (cursor {duration(cursor)})",
        "rows": f"{state.rows:,}{' (emptied since, or dropped: the next pass reads all)' if emptied else ''}",
        "quarantined": f"{state.quarantined:,}{' (retry)' if state.retry else ''}",
        "last pass": f"{state.synced_at:%Y-%m-%d %H:%M:%S}Z {done or 'nothing new'}{took}",
    }


def cursor_time(state: TableState) -> datetime | None:
    """The time up to which a watermark has read for certain, None for another strategy or cursor."""
    position = position_value(state.position)
    if not isinstance(position, dict) or not isinstance(position.get("value"), str):
        return None
    try:
        moment = datetime.fromisoformat(position["value"])
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _seconds(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round(max(0.0, (now - moment).total_seconds()), 3)
