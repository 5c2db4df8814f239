"""What `copy` and `verify` share: they go from table to table, and a failure does not stop them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from sync.cli.main import report
from sync.cli.parameters import TableName
from sync.cli.progress import progress
from sync.cli.rendering import as_json, count, say
from sync.engine import run_passes
from sync.errors import SyncError
from sync.passes import Options, PassResult
from sync.sources.base import Source
from sync.spec import Strategy, Table
from sync.targets.base import Target


@dataclass(frozen=True)
class Shown:
    """What is shown of a pass: `fields` to a program, `lines` to a reader. `well` decides the exit code."""

    fields: dict[str, Any]
    lines: Sequence[str]
    well: bool


@dataclass(frozen=True)
class Work:
    """Passes over tables: `declare` says what a table is, `show` what is shown of its pass."""

    source: Source
    target: Target
    run_id: str
    options: Options
    declare: Callable[[TableName], Table]
    show: Callable[[Table, PassResult], Shown]
    in_json: bool

    def run(self, names: Sequence[TableName], schema: str) -> bool:
        """Make one pass over each table, print what came of it, and return whether all is well.

        Tables that follow the source's log come last, with one read of it for all of them.
        """
        _refuse_doubles(names, schema)
        well = True
        following = []
        for name in dict.fromkeys(names):
            try:
                table = self.declare(name)
            except SyncError as error:
                well = self._print(f"{schema}.{name.table}", error) and well
                continue
            if table.strategy is Strategy.LOG:
                following.append(table)
            else:
                well = self._passes([table]) and well
        return (not following or self._passes(following)) and well

    def _passes(self, tables: Sequence[Table]) -> bool:
        well = True
        for table, outcome in self._outcomes(tables):
            well = self._print(table.qualified, outcome) and well
        return well

    def _outcomes(self, tables: Sequence[Table]) -> Iterator[tuple[Table, Shown | SyncError]]:
        title = tables[0].qualified if len(tables) == 1 else count(len(tables), "table")
        with progress(title) as observe:
            options = replace(self.options, observe=observe)
            found = list(run_passes(tables, self.source, self.target, self.run_id, options))
        for table, outcome in found:
            yield table, outcome if isinstance(outcome, SyncError) else self.show(table, outcome)

    def _print(self, name: str, outcome: Shown | SyncError) -> bool:
        if isinstance(outcome, SyncError):
            outcome = Shown({"table": name, "error": report(outcome)}, (), well=False)
        for line in [as_json(outcome.fields)] if self.in_json else outcome.lines:
            say(line)
        return outcome.well


def _refuse_doubles(names: Sequence[TableName], schema: str) -> None:
    places: dict[str, TableName] = {}
    for name in names:
        other = places.setdefault(name.table, name)
        if other != name:
            raise click.UsageError(
                f"{schema}.{name.table} cannot hold both {other} and {name}; copy one of them to another"
                f" --schema"
            )
