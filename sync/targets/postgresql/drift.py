"""How a table follows what has changed in its source since the last pass: all that loses nothing, and what a
reload asks for."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sync.connections.psycopg import sql
from sync.declaration import from_json
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.table_state import TableState
from sync.targets.postgresql.catalog import ExistingColumn
from sync.targets.postgresql.names import identifier, stored_name
from sync.targets.postgresql.plan import Plan
from sync.types import parse_type, widens

Existing = Mapping[str, ExistingColumn]


def plan_columns(
    plan: Plan, schema: str, table: Table, columns: Sequence[Column], existing: Existing, reload: bool
) -> None:
    """Add new columns and widen those whose types have grown.

    With `reload` a column whose type has changed otherwise is set aside under another name, and a new one
    takes its place. Raises `SyncError` for it without.
    """
    clauses = []
    for column in columns:
        there = existing.get(stored_name(column.name))
        if there and parse_type(there.type) == parse_type(column.type):
            if there.description != column.description:
                plan.describe(schema, table.name, column)
            continue
        clause = "ADD COLUMN {} {}"
        if there and widens(parse_type(there.type), parse_type(column.type)):
            clause = "ALTER COLUMN {} TYPE {}"
        elif there:
            _set_aside(plan, schema, table, column, existing, reload)
        elif column.name in table.key:
            raise SyncError(
                f"{schema}.{table.name}: the key column {column.name} is not in the table that exists; drop"
                f" that table to load it anew, or declare the key that it has"
            )
        clauses.append(sql.SQL(clause).format(identifier(column.name), sql.SQL(column.type)))
    if clauses:
        plan.complete = True
        plan.add(
            "ALTER TABLE {table} {clauses}",
            table=identifier(schema, table.name),
            clauses=sql.SQL(", ").join(clauses),
        )
    for column in columns:
        if column.description and stored_name(column.name) not in existing:
            plan.describe(schema, table.name, column)


def _set_aside(
    plan: Plan, schema: str, table: Table, column: Column, existing: Existing, reload: bool
) -> None:
    there = existing[stored_name(column.name)]
    changed = (
        f"{schema}.{table.name}: column {column.name} is {there.type} in the table that exists and now"
        f" {column.type} by its {'declaration' if table.columns else 'source'}"
    )
    if column.name in table.key:
        raise SyncError(
            f"{changed}, which not every value of this key would keep; declare {there.type}, or drop that"
            f" table to load it anew"
        )
    base = parse_type(there.type).base.replace(" ", "_")
    aside = _free_name(f"{column.name}_was_{base}", existing)
    if not reload:
        raise SyncError(
            f"{changed}. Declare {there.type} where the source's values fit it, or reload the table: what the"
            f" column holds is kept as {aside} then"
        )
    plan.add(
        "ALTER TABLE {table} RENAME COLUMN {column} TO {aside}",
        table=identifier(schema, table.name),
        column=identifier(column.name),
        aside=identifier(aside),
    )


def _free_name(wanted: str, taken: Container[str]) -> str:
    name, number = wanted, 1
    while stored_name(name) in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def refuse_rename(
    table: Table, columns: Sequence[Column], existing: Existing, last: Sequence[str], reload: bool
) -> None:
    """Raises `SyncError` where a column may have got another name: one is gone since the last pass, and one
    of its type is new. What is declared, and what is reloaded, is meant as it is."""
    if table.columns or reload:
        return
    names = {column.name for column in columns}
    gone = [
        existing[stored_name(name)] for name in last if name not in names and stored_name(name) in existing
    ]
    for column in columns:
        if stored_name(column.name) in existing:
            continue
        for old in gone:
            if parse_type(old.type) == parse_type(column.type):
                raise SyncError(
                    f"{table.qualified}: column {old.name} is gone from the source, and {column.name}, of the"
                    f" same type {column.type}, is new. If that is its new name, declare the table's columns,"
                    f" this one as Column({old.name!r}, {column.type!r}, source={column.name!r}); if it is"
                    f" another column, reload the table"
                )


def reads_anew(table: Table, columns: Sequence[Column], state: TableState) -> bool:
    """Whether a column's values are other ones than in the last pass, though it is there: it had been left
    out, or its declaration has changed."""
    last = state.columns or ()
    if last and any(column.name not in last for column in columns):
        return True
    if state.declaration is None:
        return False
    before = from_json(state.declaration)
    now, then = _readings(table), _readings(before)
    if (table.exclude, table.zero_date) != (before.exclude, before.zero_date):
        return True
    return any(
        now.get(column.name, _plain(column.name)) != then.get(column.name, _plain(column.name))
        for column in columns
    )


def _readings(table: Table) -> dict[str, tuple[str, bool, str | None]]:
    return {column.name: (column.source_name, column.mask, column.zero_date) for column in table.columns}


def _plain(name: str) -> tuple[str, bool, str | None]:
    """How a column of the catalog is read."""
    return name, False, None
