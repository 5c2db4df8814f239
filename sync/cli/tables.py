"""What `copy` and `verify` share: they go from table to table, and a failure does not stop them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sync.cli.main import report
from sync.cli.parameters import TableName
from sync.cli.rendering import as_json, say
from sync.errors import SyncError


@dataclass(frozen=True)
class Outcome:
    """What came of one table: `fields` for a program, `lines` for a reader. `well` decides the exit code."""

    fields: dict[str, Any]
    lines: Sequence[str]
    well: bool


def each_table(
    names: Sequence[TableName], schema: str, in_json: bool, work: Callable[[TableName], Outcome]
) -> bool:
    """Do `work` on each table and print what came of it; returns whether all is well."""
    well = True
    for name in names:
        try:
            outcome = work(name)
        except SyncError as error:
            said = report(error)
            outcome = Outcome({"table": f"{schema}.{name.table}", "error": said}, (), well=False)
        well = well and outcome.well
        for line in [as_json(outcome.fields)] if in_json else outcome.lines:
            say(line)
    return well
