"""What a command declares a table to be: what the command line says, else what it was last time, else what
the source's catalog says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sync import declaration
from sync.cli.parameters import TableName
from sync.errors import SyncError, UnknownTableError
from sync.sources.base import Source
from sync.spec import SpecError, Strategy, Table
from sync.table_state import TableState


@dataclass(frozen=True)
class Asked:
    """What the command line says of a table; None or empty: as before."""

    schema: str
    strategy: Strategy | None = None
    key: tuple[str, ...] = ()
    cursor: str | None = None
    zero_date: str | None = None
    exclude: tuple[str, ...] = ()
    reload: bool = False


def declare(name: TableName, source: Source, asked: Asked, state: TableState | None) -> Table:
    """The table to copy; `state` is the one that the target keeps for it.

    Raises `SyncError` for a table that the source does not have, one that another source's rows are in, and
    a key, cursor or strategy that do not go together.
    """
    last = None if state is None else last_declared(state)
    place = source.place(name.database, name.table)
    if state and state.source != place:
        if not asked.reload:
            raise SyncError(
                f"{asked.schema}.{name.table}: its rows come from {state.source}, not from {place}. Choose"
                f" another --schema, or replace them with --reload"
            )
        last = None
    table = last or _first(name, source, asked)
    strategy = asked.strategy or table.strategy
    cursor = asked.cursor or table.cursor
    key = asked.key or table.key
    if strategy is Strategy.WATERMARK:
        _refuse_incomplete(table, key, cursor)
    elif asked.cursor:
        raise SyncError(f"{table.qualified}: --cursor goes with --strategy watermark, and this is {strategy}")
    try:
        zero_date = asked.zero_date or table.zero_date
        by_catalog = table.catalog_key and not asked.key
        return replace(
            table,
            key=key,
            catalog_key=by_catalog,
            cursor=cursor,
            strategy=strategy,
            zero_date=zero_date,
            exclude=frozenset(asked.exclude) or table.exclude,
        )
    except SpecError as error:
        raise SyncError(str(error)) from error


def known(
    name: TableName, source: Source, schema: str, states: Mapping[tuple[str, str], TableState]
) -> Table:
    """A table as it was copied last: under its own name, or under the one that its declaration gave it.

    Raises `SyncError` where it never was.
    """
    origin = source.place(name.database, name.table)
    copied = [
        (table, state)
        for (place, table), state in states.items()
        if place == schema and state.source == origin
    ]
    for table, state in sorted(copied, key=lambda each: each[0] != name.table):
        if last := last_declared(state):
            return last
        raise SyncError(
            f"{schema}.{table}: its last pass was an older release's, which did not keep how it was declared."
            f" Run one pass over it first"
        )
    raise SyncError(
        f"{schema}.{name.table}: {origin} was never copied to schema {schema} of this target; copy it first"
    )


def last_declared(state: TableState) -> Table | None:
    """The declaration that the last pass went by."""
    return declaration.from_json(state.declaration) if state.declaration else None


def _first(name: TableName, source: Source, asked: Asked) -> Table:
    table = Table(
        name.table,
        source.system,
        name.database,
        key=(),
        schema=asked.schema,
        exclude=frozenset(asked.exclude),
    )
    if not source.describe(table).exists:
        raise UnknownTableError(
            f"{table.qualified}: {source.system} has no {name.database}.{name.table} that this user may read."
            f" Correct the name, or grant the right to read it"
        )
    if asked.key or not (keys := source.unique_keys(table)):
        return table
    return replace(table, key=keys[0], catalog_key=True)


def _refuse_incomplete(table: Table, key: tuple[str, ...], cursor: str | None) -> None:
    if not key:
        raise SyncError(
            f"{table.qualified}: {table.database}.{table.source_name} has no primary key, which the watermark"
            f" strategy needs. Name columns that are unique together with --key, or use --strategy full"
        )
    if not cursor:
        raise SyncError(
            f"{table.qualified}: the watermark strategy needs a --cursor, a time or a number that grows with"
            f" every change of a row"
        )
