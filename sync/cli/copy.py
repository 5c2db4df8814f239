"""`copy`: one pass over each table, up to a bound."""

from __future__ import annotations

import uuid
from contextlib import closing

import click

from sync.cli.declare import Asked, declare
from sync.cli.main import Command
from sync.cli.parameters import (
    KeyType,
    TableName,
    json_option,
    schema_option,
    source_argument,
    tables_argument,
    target_option,
)
from sync.cli.rendering import result_fields, result_lines
from sync.cli.tables import Shown, Work
from sync.passes import Compare, Options, PassResult
from sync.spec import Strategy, Table
from sync.systems import open_source, open_target


@click.command(cls=Command)
@source_argument
@tables_argument
@target_option
@schema_option
@click.option(
    "--strategy",
    type=click.Choice([Strategy.FULL.value, Strategy.WATERMARK.value, Strategy.LOG.value]),
    help="How to find what changed: full reads everything, watermark what lies above a cursor, log follows"
    " the source's log. As last time where it is not given; full at first, since it needs nothing of the"
    " table and sees deletes too.",
)
@click.option(
    "--key",
    type=KeyType(),
    default=(),
    help="Columns that are unique together. As last time where it is not given; the source's primary key at"
    " first, and whole rows where it has none.",
)
@click.option(
    "--cursor", help="The column that grows with every change of a row, for the watermark strategy."
)
@click.option(
    "--zero-date",
    metavar="null|DATE",
    help="What MySQL's date 0000-00-00 becomes, as null or 1970-01-01. As last time where it is not given; at"
    " first such a row goes to the quarantine.",
)
@click.option(
    "--exclude",
    type=KeyType(),
    default=(),
    help="Columns, or fields of documents, that are not read; what they had brought goes. As last time where"
    " it is not given.",
)
@click.option("--reconcile", is_flag=True, help="Compare the whole table, which finds deletes too.")
@click.option(
    "--reload", is_flag=True, help="Disregard where the last pass ended, and accept a column of another type."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and leave nothing in the target.")
@json_option
@click.pass_context
def copy(
    context: click.Context,
    source_url: str,
    tables: tuple[TableName, ...],
    target_url: str,
    schema: str,
    strategy: str | None,
    key: tuple[str, ...],
    cursor: str | None,
    zero_date: str | None,
    exclude: tuple[str, ...],
    reconcile: bool,
    reload: bool,
    dry_run: bool,
    in_json: bool,
) -> None:
    """Bring each TABLE of SOURCE_URL, as database.table or database.collection, into the target.

    Each is created under its own name and gets one pass up to the source's state now. Where it ended is kept
    in the target, and the next pass goes on from there. A table that fails does not stop the others; the exit
    code is 1 then.
    """
    asked = Asked(schema, Strategy(strategy) if strategy else None, key, cursor, zero_date, exclude, reload)
    options = Options(compare=Compare.ALL if reconcile else Compare.TOUCHED, reload=reload, dry_run=dry_run)
    with closing(open_source(source_url)) as source, closing(open_target(target_url)) as target:
        states = target.states()

        def declare_one(name: TableName) -> Table:
            return declare(name, source, asked, states.get((schema, name.table)))

        def show(table: Table, result: PassResult) -> Shown:
            fields, lines = result_fields(result, dry_run), result_lines(result, dry_run)
            return Shown(fields, lines, well=not result.differences)

        work = Work(source, target, str(uuid.uuid4()), options, declare_one, show, in_json)
        well = work.run(tables, schema)
    context.exit(0 if well else 1)
