"""The target's tables: made from the declaration, and kept as it and the source want them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.connections.psycopg import Cursor, sql
from sync.declaration import from_json
from sync.errors import SyncError
from sync.spec import Column, Table
from sync.state import missing_schemas
from sync.table_state import TableState
from sync.targets.postgresql.catalog import (
    ExistingColumn,
    existing_columns,
    existing_key,
    is_empty,
    is_table,
    table_description,
)
from sync.targets.postgresql.conceal import Hidden, newly_hidden, plan_concealment
from sync.targets.postgresql.drift import plan_columns, reads_anew, refuse_rename
from sync.targets.postgresql.names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    RESERVED,
    ROW_KEY,
    SYSTEM_COLUMNS,
    column_list,
    identifier,
    relation,
    stored_name,
)
from sync.targets.postgresql.plan import Plan

HISTORY_SCHEMA = "history"
BOOKKEEPING = (
    Column(CHANGED_AT, "timestamptz NOT NULL", "When it changed in the source; later with every version"),
    Column(BATCH, "bigint NOT NULL", "The batch that last changed the row"),
    Column(DELETED, "boolean NOT NULL DEFAULT false", "Gone from the source; the row stays as a tombstone"),
)


def plan_own(
    cursor: Cursor,
    table: Table,
    columns: Sequence[Column],
    before: TableState | None = None,
    reload: bool = False,
) -> Plan:
    """How the raw table and its change log are made, or follow what has changed since the state `before`.

    Raises `SyncError` for a reserved name, another key, what may be a renamed column, or a type that does not
    hold all of the old one; a `reload` accepts the last two.
    """
    refuse_reserved(table, columns)
    plan = Plan()
    existing = existing_columns(cursor, table.schema, table.name)
    if existing and before:
        refuse_rename(table, columns, existing, before.columns or (), reload)
        plan.complete = reads_anew(table, columns, before)
    hidden = newly_hidden(table, columns, before)
    logged = not before or not before.declaration or from_json(before.declaration).history
    key = table.key or (ROW_KEY,)
    keyed = [*columns, *([] if table.key else [Column(ROW_KEY, "text", "Hash of the row and its number")])]
    _plan(plan, cursor, table, table.schema, existing, keyed, key, reload, hidden)
    if table.history:
        _refuse_other_log(cursor, table)
        log = existing_columns(cursor, HISTORY_SCHEMA, table.name)
        created = _plan(plan, cursor, table, HISTORY_SCHEMA, log, keyed, (*key, CHANGED_AT), reload, hidden)
        names = column_list(column.name for column in (*keyed, *BOOKKEEPING))
        if not created and not existing:
            _restore(plan, table, names)
        elif created or not logged or _is_log_emptied(cursor, table, before):
            _fill_log(plan, table, names)
    elif logged and before and before.declaration:
        log = existing_columns(cursor, HISTORY_SCHEMA, table.name)
        plan_concealment(plan, table, HISTORY_SCHEMA, log, hidden)
    return plan


def has_log(cursor: Cursor, table: Table) -> bool:
    """Whether there is a change log for the table already, as after the table alone was dropped."""
    return table.history and is_table(cursor, HISTORY_SCHEMA, table.name)


def _is_log_emptied(cursor: Cursor, table: Table, before: TableState | None) -> bool:
    """Whether somebody else has taken all versions away."""
    return before is not None and before.rows > 0 and is_empty(cursor, HISTORY_SCHEMA, table.name)


def _fill_log(plan: Plan, table: Table, names: sql.Composed) -> None:
    """Append what the log lacks: a version is later than those of its key before it."""
    plan.add(
        "INSERT INTO {log} ({names}) SELECT {names} FROM {table} ON CONFLICT DO NOTHING;"
        " SELECT sync.store_batch({its_log}, sync.table_batch({itself}))",
        log=identifier(HISTORY_SCHEMA, table.name),
        its_log=relation(HISTORY_SCHEMA, table.name),
        itself=relation(table.schema, table.name),
        table=identifier(table.schema, table.name),
        names=names,
    )


def _restore(plan: Plan, table: Table, names: sql.Composed) -> None:
    """Let a table that is made anew hold what its log knew last, so that a complete reading finds and logs
    the difference. Nor may a batch have a number that the log has seen."""
    plan.complete = True
    plan.add(
        "INSERT INTO {table} ({names}) SELECT DISTINCT ON ({key}) {names} FROM {log}"
        " ORDER BY {key}, {changed_at} DESC; ANALYZE {table};"
        " SELECT sync.store_batch({itself}, sync.table_batch({its_log}));"
        " UPDATE sync.batch SET last = seen.batch FROM (SELECT sync.table_batch({its_log})) AS seen (batch)"
        " WHERE last < seen.batch",
        log=identifier(HISTORY_SCHEMA, table.name),
        table=identifier(table.schema, table.name),
        names=names,
        its_log=relation(HISTORY_SCHEMA, table.name),
        itself=relation(table.schema, table.name),
        key=column_list(table.key),
        changed_at=identifier(CHANGED_AT),
    )


def _refuse_other_log(cursor: Cursor, table: Table) -> None:
    """Raises `SyncError` where another schema's table keeps its versions in the log of this name."""
    cursor.execute(
        "SELECT table_schema, declaration FROM sync.tables WHERE table_name = %s AND table_schema <> %s"
        " AND declaration IS NOT NULL ORDER BY 1",
        (table.name, table.schema),
    )
    for schema, declared in cursor.fetchall():
        if from_json(declared).history and is_table(cursor, schema, table.name):
            raise SyncError(
                f"{table.qualified}: the change log {HISTORY_SCHEMA}.{table.name} belongs to"
                f" {schema}.{table.name}; declare another name, with source_table={table.source_name!r}, or"
                f" no history. If {schema}.{table.name} is to become this table, drop it first"
            )


def refuse_reserved(table: Table, columns: Sequence[Column]) -> None:
    """Raises `SyncError` for a column with a name that the engine or PostgreSQL uses itself."""
    for user, taken in (("the engine", RESERVED), ("PostgreSQL", SYSTEM_COLUMNS)):
        if reserved := sorted({column.name for column in columns} & taken):
            raise SyncError(
                f"{table.qualified}: column {reserved[0]!r} has a name that {user} uses itself; exclude it or"
                f" declare it under another name with source={reserved[0]!r}"
            )


def _plan(
    plan: Plan,
    cursor: Cursor,
    table: Table,
    schema: str,
    existing: Mapping[str, ExistingColumn],
    columns: Sequence[Column],
    key: Sequence[str],
    reload: bool,
    hidden: Hidden,
) -> bool:
    """Returns whether the table has to be created."""
    if not existing:
        plan_table(plan, cursor, table, schema, (*columns, *BOOKKEEPING), key)
        return True
    if lacking := [column.name for column in BOOKKEEPING if column.name not in existing]:
        raise SyncError(
            f"{schema}.{table.name}: a table of this name exists that this engine did not make (it has no"
            f" {lacking[0]}); declare another name or schema, or adopt it"
        )
    there = existing_key(cursor, schema, table.name)
    if there != [stored_name(part) for part in key]:
        keyless = ROW_KEY in there
        had = "it was loaded without a key" if keyless else f"its key is {_shown(there)}"
        raise SyncError(
            f"{schema}.{table.name}: {had}, the declaration says {_shown(key)}; drop {schema}.{table.name} to"
            f" load it anew, or declare {'no key' if keyless else 'the key that it has'}"
        )
    if table_description(cursor, schema, table.name) != table.description:
        plan.describe_table(schema, table.name, table.description)
    existing = plan_concealment(plan, table, schema, existing, hidden)
    plan_columns(plan, schema, table, columns, existing, reload)
    return False


def _shown(key: Sequence[str]) -> str:
    return "none" if ROW_KEY in key else f"({', '.join(key)})"


def plan_table(
    plan: Plan, cursor: Cursor, table: Table, schema: str, columns: Sequence[Column], key: Sequence[str]
) -> None:
    """Create a table with its primary key, its index of batches where it has any, and comments."""
    name = identifier(schema, table.name)
    if missing_schemas(cursor, [stored_name(schema)]):
        plan.add("CREATE SCHEMA IF NOT EXISTS {schema}", schema=identifier(schema))
    definitions = [
        sql.SQL("{} {}").format(identifier(column.name), sql.SQL(column.type)) for column in columns
    ]
    plan.add(
        "CREATE TABLE {name} ({definitions}, PRIMARY KEY ({key}))",
        name=name,
        definitions=sql.SQL(", ").join(definitions),
        key=column_list(key),
    )
    if any(column.name == BATCH for column in columns):
        plan.add("SELECT sync.index_batches({name})", name=relation(schema, table.name))
    if table.description:
        plan.describe_table(schema, table.name, table.description)
    for column in columns:
        if column.description:
            plan.describe(schema, table.name, column)
