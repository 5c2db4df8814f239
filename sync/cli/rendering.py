"""What the commands show, for a reader and for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sync.passes import PassResult

SHOWN_POSITION = 48


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found)


def say(line: str, err: bool = False) -> None:
    """Print a line. What came from a table must not steer the terminal, so that unprintable characters show
    as Python writes them."""
    shown = (each if each.isprintable() else ascii(each)[1:-1] for each in line)
    click.echo("".join(shown), err=err)


def result_fields(result: PassResult, dry_run: bool) -> dict[str, Any]:
    """What `--json` says of a pass."""
    return {
        "table": result.table,
        "strategy": result.strategy.value,
        "read": result.read,
        "inserted": result.inserted,
        "updated": result.updated,
        "deleted": result.deleted,
        "quarantined": result.quarantined,
        "rows": result.rows,
        "position": position_value(result.position_after),
        "seconds": round(result.seconds, 3),
        "dry_run": dry_run,
        "notes": list(result.notes),
        "differences": list(result.differences),
    }


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def position_value(position: str | None) -> Any:
    """A position as what it holds: the engine writes JSON, its mirror a text of its own."""
    try:
        return json.loads(position) if position else None
    except json.JSONDecodeError:
        return position


def result_lines(result: PassResult, dry_run: bool) -> list[str]:
    """A pass in one line, and what else a reader should know in further ones."""
    if result.paused:
        return [f"{result.table}: paused by its declaration"]
    changes = ", ".join(
        f"{number:,} {word}"
        for number, word in (
            (result.inserted, "inserted"),
            (result.updated, "updated"),
            (result.deleted, "deleted"),
        )
        if number
    )
    said = f"would be {changes}; nothing was written" if dry_run and changes else changes or "nothing new"
    held = f", {result.quarantined:,} in quarantine" if result.quarantined else ""
    line = f"{result.table}: {said}; {count(result.rows, 'row')}{held}; {result.seconds:.1f} s"
    return [line, *(f"  {note}" for note in (*result.differences, *result.notes))]


def position_text(position: str | None) -> str:
    """A position for a reader: what the log's or the cursor's own tools would show."""
    found = position_value(position)
    if not isinstance(found, dict):
        return _short(position or "")
    if "cursor" in found:
        return _short(f"{found['cursor']} {found.get('value') or 'none read'}")
    if "file" in found:
        return _short(f"{found['file']}:{found['position']}")
    if "clusterTime" in found:
        seconds, number = found["clusterTime"]
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}Z/{number}"
    return _short(json.dumps(found))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_POSITION else text[: SHOWN_POSITION - 1] + "…"


def duration(seconds: float) -> str:
    """A time span in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def columns(headings: Sequence[str], rows: Sequence[Mapping[str, str]], right: Set[str]) -> list[str]:
    """Rows below their headings, each column as wide as it has to be; `right` names those of numbers."""
    cells = [dict(zip(headings, headings, strict=True)), *rows]
    widths = {heading: max(len(each[heading]) for each in cells) for heading in headings}

    def cell(each: Mapping[str, str], heading: str) -> str:
        width = widths[heading]
        return each[heading].rjust(width) if heading in right else each[heading].ljust(width)

    return ["  ".join(cell(each, heading) for heading in headings).rstrip() for each in cells]
