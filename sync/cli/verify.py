"""`verify`: compare all of a table with its source, and repair it on request."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from typing import Any

import click

from sync.cli.declare import known
from sync.cli.main import Command
from sync.cli.parameters import (
    TableName,
    json_option,
    schema_option,
    source_argument,
    tables_argument,
    target_option,
)
from sync.cli.rendering import count
from sync.cli.tables import Shown, Work
from sync.passes import Compare, Options, PassResult
from sync.spec import Deletes, Table
from sync.systems import open_source, open_target
from sync.targets.base import Finding

NAMED = 20


@click.command(cls=Command)
@source_argument
@tables_argument
@target_option
@schema_option
@click.option("--repair", is_flag=True, help="Bring the target to the source's state where they differ.")
@json_option
@click.pass_context
def verify(
    context: click.Context,
    source_url: str,
    tables: tuple[TableName, ...],
    target_url: str,
    schema: str,
    repair: bool,
    in_json: bool,
) -> None:
    """Compare each TABLE with its source, row by row, as the source is at one moment.

    Each is compared as it was copied last: with the same key and columns. The first keys that differ are
    named. The exit code is 0 where both sides are equal, and 1 where they are not. Rows in quarantine are
    counted, they are no difference.
    """
    options = Options(compare=Compare.ALL, dry_run=not repair, name_differing=NAMED)
    with closing(open_source(source_url)) as source, closing(open_target(target_url)) as target:
        states = target.states()

        def declare(name: TableName) -> Table:
            return replace(known(name, source, schema, states), paused=False)

        def show(table: Table, result: PassResult) -> Shown:
            return _shown(table, result, repair)

        work = Work(source, target, str(uuid.uuid4()), options, declare, show, in_json)
        well = work.run(tables, schema)
    context.exit(0 if well else 1)


def _shown(table: Table, result: PassResult, repair: bool) -> Shown:
    equal = not result.changed and not result.differences
    return Shown(
        fields=_fields(result, equal, repair),
        lines=_lines(table, result, repair),
        well=not result.differences if repair else equal,
    )


def _fields(result: PassResult, equal: bool, repair: bool) -> dict[str, Any]:
    return {
        "table": result.table,
        "equal": equal,
        **{finding.name.lower(): rows for finding, rows in _findings(result).items()},
        "differing": [{"key": each.key, "finding": each.finding.value} for each in result.differing],
        "repaired": repair and bool(result.changed),
        "rows": result.rows,
        "quarantined": result.quarantined,
        "seconds": round(result.seconds, 3),
        "notes": list(result.notes),
        "differences": list(result.differences),
    }


def _findings(result: PassResult) -> dict[Finding, int]:
    return {
        Finding.MISSING: result.inserted,
        Finding.DIFFERENT: result.updated,
        Finding.UNEXPECTED: result.deleted,
    }


def _lines(table: Table, result: PassResult, repair: bool) -> list[str]:
    words = {
        Finding.MISSING: "missing in the target",
        Finding.DIFFERENT: "different",
        Finding.UNEXPECTED: "that should not be there",
    }
    found = ", ".join(f"{rows:,} {words[finding]}" for finding, rows in _findings(result).items() if rows)
    held = f", {result.quarantined:,} in quarantine" if result.quarantined else ""
    verdict = "repaired" if repair else "not equal"
    said = f"{verdict}: {found}" if found else "equal"
    lines = [f"{result.table}: {said}; {count(result.rows, 'row')}{held}; {result.seconds:.1f} s"]
    lines += [f"  {each}" for each in result.differing]
    if result.differing and (more := result.changed - len(result.differing)):
        lines.append(f"  and {more:,} more")
    if table.deletes is Deletes.IGNORE:
        lines.append("  rows that only the target has were left out, by the table's declaration")
    return [*lines, *(f"  {note}" for note in (*result.differences, *result.notes))]
