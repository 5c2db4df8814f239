"""A pass's result for a reader and for a program."""

from __future__ import annotations

import json
from typing import Any

from sync.passes import PassResult


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, default=str)


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
        f"{count:,} {word}"
        for count, word in (
            (result.inserted, "inserted"),
            (result.updated, "updated"),
            (result.deleted, "deleted"),
        )
        if count
    )
    said = f"would be {changes}; nothing was written" if dry_run and changes else changes or "nothing new"
    held = f", {result.quarantined:,} in quarantine" if result.quarantined else ""
    line = f"{result.table}: {said}; {result.rows:,} rows{held}; {result.seconds:.1f} s"
    return [line, *(f"  {note}" for note in (*result.differences, *result.notes))]
