"""Views on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync import state
from sync.connections.psycopg import sql
from sync.table_state import TableState
from sync.warehouses.postgresql.catalog import column_list, identifier
from sync.warehouses.schema import TableName
from sync.warehouses.views import View, ViewState

if TYPE_CHECKING:
    from sync.connections.psycopg import Cursor

STRATEGY = "view"


def read_states(cursor: Cursor, role: str | None) -> dict[TableName, ViewState]:
    """What production has of the views that passes before made, declared still or not.

    A view counts as readable when `role` is None or does not exist: there is nothing to grant.
    """
    cursor.execute(
        """
        SELECT t.table_schema, t.table_name, t.position::json, t.rows, c.relkind, coalesce((
            SELECT has_schema_privilege(r.oid, n.oid, 'USAGE') AND has_table_privilege(r.oid, c.oid, 'SELECT')
            FROM pg_roles r WHERE r.rolname = %s
        ), true)
        FROM sync.tables t
        LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace)
            ON (n.nspname, c.relname) = (t.table_schema, t.table_name)
        WHERE t.strategy = %s
        """,
        [role, STRATEGY],
    )
    return {
        TableName(schema, name): ViewState(
            kind is not None, kind == "m", readable, position["version"], position["inputs"], rows
        )
        for schema, name, position, rows, kind, readable in cursor.fetchall()
    }


def drop_all(cursor: Cursor, known: Mapping[TableName, ViewState]) -> None:
    """Drop these views, which a pass before made, plain ones first: they may stand on the materialized ones.

    Raises `psycopg2.Error` where somebody else's view stands on one of them.
    """
    for is_materialized, statement in ((False, "DROP VIEW {}"), (True, "DROP MATERIALIZED VIEW {}")):
        names = [
            identifier(name)
            for name, view in known.items()
            if view.exists and view.is_materialized == is_materialized
        ]
        if names:
            cursor.execute(sql.SQL(statement).format(sql.SQL(", ").join(names)))
    for name in known:
        cursor.execute(
            "DELETE FROM sync.tables WHERE strategy = %s AND (table_schema, table_name) = (%s, %s)",
            [STRATEGY, name.schema, name.table],
        )


def role_exists(cursor: Cursor, role: str | None) -> bool:
    """Whether the server knows the role."""
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    return bool(cursor.rowcount)


def create(cursor: Cursor, view: View) -> None:
    kind = sql.SQL("MATERIALIZED VIEW" if view.key else "VIEW")
    name = identifier(view.name)
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(view.name.schema)))
    cursor.execute(sql.SQL("CREATE {} {} AS {}").format(kind, name, sql.SQL(view.query)))
    cursor.execute(sql.SQL("COMMENT ON {} {} IS {}").format(kind, name, sql.Literal(view.comment)))
    if view.key:
        # Without a unique index PostgreSQL cannot refresh it while others read.
        cursor.execute(sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(name, column_list(view.key)))


def refresh(cursor: Cursor, view: View) -> None:
    cursor.execute(sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(identifier(view.name)))


def grant(cursor: Cursor, view: View, role: str) -> None:
    schema, reader = sql.Identifier(view.name.schema), sql.Identifier(role)
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, reader))
    cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(identifier(view.name), reader))


def store(cursor: Cursor, view: View, inputs: str, rows: int, run_id: str) -> None:
    stored = TableState(
        source="production",
        strategy=STRATEGY,
        position=json.dumps({"version": view.version, "inputs": inputs}),
        batch=None,
        run_id=run_id,
        rows=rows,
        quarantined=0,
        synced_at=datetime.now(UTC),
    )
    state.write_state(cursor, view.name.schema, view.name.table, stored)
