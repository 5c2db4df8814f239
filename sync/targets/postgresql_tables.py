"""The target's tables: made from the declaration, followed when it gains columns, refused when it changes
otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from sync.errors import SyncError
from sync.spec import Column, Table
from sync.state import missing_schemas
from sync.targets.postgresql_names import (
    BATCH,
    CHANGED_AT,
    DELETED,
    RESERVED,
    ROW_KEY,
    column_list,
    identifier,
    stored_name,
)
from sync.types import parse_type

HISTORY_SCHEMA = "history"
BOOKKEEPING = (
    Column(CHANGED_AT, "timestamptz NOT NULL", "When it changed in the source; later with every version"),
    Column(BATCH, "bigint NOT NULL", "The batch that last changed the row"),
    Column(DELETED, "boolean NOT NULL DEFAULT false", "Gone from the source; the row stays as a tombstone"),
)


@dataclass(frozen=True)
class ExistingColumn:
    """A column as the target's catalog has it. `default` is its expression, "" for none; `computed` marks
    identity and generated columns."""

    name: str
    type: str
    not_null: bool
    default: str
    computed: bool
    description: str


def existing_columns(cursor: Cursor, schema: str, name: str) -> dict[str, ExistingColumn]:
    """The columns of a table by their stored names, empty where there is no such table."""
    cursor.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,"
        " coalesce(pg_get_expr(d.adbin, d.adrelid), ''), a.attidentity <> '' OR a.attgenerated <> '',"
        " coalesce(col_description(a.attrelid, a.attnum), '')"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        (stored_name(schema), stored_name(name)),
    )
    return {row[0]: ExistingColumn(*row) for row in cursor}


@dataclass
class Plan:
    """What has to be done to a table before its rows are written. `complete` says that rows which are there
    already lack something that only a complete reading brings."""

    statements: list[sql.Composed] = field(default_factory=list)
    complete: bool = False

    def add(self, statement: str, **names: sql.Composable) -> None:
        self.statements.append(sql.SQL(statement).format(**names))

    def run(self, cursor: Cursor) -> None:
        for statement in self.statements:
            cursor.execute(statement)


def plan_own(cursor: Cursor, table: Table, columns: Sequence[Column], reload: bool = False) -> Plan:
    """How the raw table and its change log are made, or follow new columns.

    Raises `SyncError` for a reserved name, another key or another type.
    """
    refuse_reserved(table, columns)
    plan = Plan()
    key = table.key or (ROW_KEY,)
    keyed = [*columns, *([] if table.key else [Column(ROW_KEY, "text", "Hash of the row and its number")])]
    _plan(plan, cursor, table, table.schema, (*keyed, *BOOKKEEPING), key)
    if table.history:
        created = _plan(plan, cursor, table, HISTORY_SCHEMA, (*keyed, *BOOKKEEPING), (*key, CHANGED_AT))
        if created:
            plan.add(
                "INSERT INTO {log} ({names}) SELECT {names} FROM {table}",
                log=identifier(HISTORY_SCHEMA, table.name),
                table=identifier(table.schema, table.name),
                names=column_list(column.name for column in (*keyed, *BOOKKEEPING)),
            )
    return plan


def refuse_reserved(table: Table, columns: Sequence[Column]) -> None:
    """Raises `SyncError` for a column with a name that the engine uses itself."""
    if reserved := sorted({column.name for column in columns} & RESERVED):
        raise SyncError(
            f"{table.qualified}: column {reserved[0]!r} has a name that the engine uses itself; exclude it or"
            f" declare it under another name with source={reserved[0]!r}"
        )


def _plan(
    plan: Plan, cursor: Cursor, table: Table, schema: str, columns: Sequence[Column], key: Sequence[str]
) -> bool:
    """Returns whether the table has to be created."""
    existing = existing_columns(cursor, schema, table.name)
    if not existing:
        plan_table(plan, cursor, table, schema, columns, key)
        return True
    if table_description(cursor, schema, table.name) != table.description:
        _describe(plan, table, schema)
    for column in columns:
        there = existing.get(stored_name(column.name))
        if there is None:
            _add(plan, table, schema, column, key)
        elif there.description != column.description:
            _comment(plan, table, schema, column)
        if there is not None:
            _refuse_other_type(table, schema, column, there)
    _refuse_other_key(cursor, table, schema, key)
    return False


def plan_table(
    plan: Plan, cursor: Cursor, table: Table, schema: str, columns: Sequence[Column], key: Sequence[str]
) -> None:
    """Create a table with its primary key, an index on the batch where it has one, and comments."""
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
        plan.add("CREATE INDEX ON {name} ({batch})", name=name, batch=identifier(BATCH))
    if table.description:
        _describe(plan, table, schema)
    for column in columns:
        if column.description:
            _comment(plan, table, schema, column)


def table_description(cursor: Cursor, schema: str, name: str) -> str:
    """The comment on a table that exists."""
    relation = identifier(schema, name).as_string(cursor)
    cursor.execute("SELECT coalesce(obj_description(%s::regclass), '')", (relation,))
    row = cursor.fetchone()
    return str(row[0]) if row else ""


def _describe(plan: Plan, table: Table, schema: str) -> None:
    plan.add(
        "COMMENT ON TABLE {name} IS {text}",
        name=identifier(schema, table.name),
        text=sql.Literal(table.description),
    )


def _add(plan: Plan, table: Table, schema: str, column: Column, key: Sequence[str]) -> None:
    if column in BOOKKEEPING:
        raise SyncError(
            f"{schema}.{table.name}: a table of this name exists that this engine did not make (it has no"
            f" {column.name}); declare another name or schema, or adopt it"
        )
    if column.name in key:
        raise SyncError(
            f"{schema}.{table.name}: the key column {column.name} is not in the table that exists; drop that"
            f" table to load it anew, or declare the key that it has"
        )
    plan.complete = True
    plan.add(
        "ALTER TABLE {table} ADD COLUMN {column} {type}",
        table=identifier(schema, table.name),
        column=identifier(column.name),
        type=sql.SQL(column.type),
    )
    if column.description:
        _comment(plan, table, schema, column)


def _comment(plan: Plan, table: Table, schema: str, column: Column) -> None:
    plan.add(
        "COMMENT ON COLUMN {column} IS {text}",
        column=identifier(schema, table.name, column.name),
        text=sql.Literal(column.description),
    )


def _refuse_other_type(table: Table, schema: str, column: Column, there: ExistingColumn) -> None:
    if column not in BOOKKEEPING and parse_type(column.type) != parse_type(there.type):
        raise SyncError(
            f"{schema}.{table.name}: column {column.name} is {there.type} there and {column.type} by its"
            f" declaration; ALTER TABLE it to {column.type}, or declare {there.type}"
        )


def _refuse_other_key(cursor: Cursor, table: Table, schema: str, key: Sequence[str]) -> None:
    cursor.execute(
        sql.SQL(
            "SELECT array_agg(a.attname ORDER BY array_position(i.indkey::int[], a.attnum::int))"
            " FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indisprimary AND i.indrelid = {}::regclass"
        ).format(sql.Literal(identifier(schema, table.name).as_string(cursor)))
    )
    row = cursor.fetchone()
    there = row[0] if row else None
    if there != [stored_name(part) for part in key]:
        raise SyncError(
            f"{schema}.{table.name}: its primary key is {there}, the declaration says {list(key)}; drop the"
            f" table to load it anew, or declare the key that it has"
        )
