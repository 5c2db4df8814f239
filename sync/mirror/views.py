"""Views over the mirrored tables: plain ones that a role of readers may read, and materialized ones.

Their definitions live in the platform. When one of them changed, all are made again, since they may stand on
each other. A materialized view is refreshed in the mirror's own transaction, without keeping readers waiting,
and only when one of its inputs moved since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from psycopg2 import sql

from sync import state
from sync.mirror.form import TableName, column_list
from sync.mirror.positions import Position

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

STRATEGY = "view"


@dataclass(frozen=True)
class View:
    """One view. `query` is its SELECT, every name in it qualified; `inputs` are the tables that it reads.

    With a `key`, columns that are unique in it, it is materialized; without, readers may read it.
    """

    name: TableName
    query: str
    comment: str
    inputs: tuple[TableName, ...] = ()
    key: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """A hash of everything that the view is made of."""
        text = json.dumps([self.query, self.comment, self.key])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ViewState:
    """What production has of a view that a pass before made.

    `kind` is `v`, `m` for a materialized one, None where somebody dropped it. `inputs` are the positions of
    its inputs when it was made or refreshed.
    """

    kind: str | None
    readable: bool
    version: str
    inputs: str
    rows: int


@dataclass(frozen=True)
class ViewResult:
    """What a pass did to a view; `rows` are those of a materialized one, 0 for a plain one."""

    name: TableName
    created: bool
    refreshed: bool
    rows: int


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
        TableName(schema, name): ViewState(kind, readable, position["version"], position["inputs"], rows)
        for schema, name, position, rows, kind, readable in cursor.fetchall()
    }


def same_definitions(views: Iterable[View], known: Mapping[TableName, ViewState]) -> bool:
    """Whether production has exactly these views, each as it is declared."""
    declared = {view.name: view.version for view in views}
    return declared == {name: view.version for name, view in known.items() if view.kind is not None}


def is_current(view: View, known: ViewState, positions: Mapping[TableName, Position]) -> bool:
    """Whether a view that is there needs neither a refresh nor a grant."""
    return known.inputs == _inputs(view, positions) if view.key else known.readable


def drop_all(cursor: Cursor, known: Mapping[TableName, ViewState]) -> None:
    """Drop every view that a pass before made, plain ones first: they may stand on the materialized ones.

    Raises `psycopg2.Error` where somebody else's view stands on one of them.
    """
    for kind, statement in (("v", "DROP VIEW {}"), ("m", "DROP MATERIALIZED VIEW {}")):
        names = [name.identifier for name, view in known.items() if view.kind == kind]
        if names:
            cursor.execute(sql.SQL(statement).format(sql.SQL(", ").join(names)))
    cursor.execute("DELETE FROM sync.tables WHERE strategy = %s", [STRATEGY])


def publish(
    cursor: Cursor,
    views: Sequence[View],
    known: Mapping[TableName, ViewState],
    positions: Mapping[TableName, Position],
    written: Collection[TableName],
    role: str | None,
    run_id: str,
) -> list[ViewResult]:
    """Make the views that are missing, refresh those whose inputs moved, and let `role` read the plain ones.

    `positions` are those of the mirrored tables, `written` the tables that this pass wrote to: a repair
    writes without a new position. `role`, if any, has to exist.
    """
    results = []
    for view in views:
        present = known.get(view.name)
        stale = bool(view.key) and not set(written).isdisjoint(view.inputs)
        if present is not None and is_current(view, present, positions) and not stale:
            results.append(ViewResult(view.name, created=False, refreshed=False, rows=present.rows))
            continue
        if present is None:
            _create(cursor, view)
        elif view.key:
            cursor.execute(sql.SQL("REFRESH MATERIALIZED VIEW CONCURRENTLY {}").format(view.name.identifier))
        if role and not view.key:
            _grant(cursor, view, role)
        rows = _store(cursor, view, positions, run_id)
        refreshed = present is not None and bool(view.key)
        results.append(ViewResult(view.name, created=present is None, refreshed=refreshed, rows=rows))
    return results


def role_exists(cursor: Cursor, role: str | None) -> bool:
    """Whether the server knows the role."""
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [role])
    return bool(cursor.rowcount)


def _create(cursor: Cursor, view: View) -> None:
    kind = sql.SQL("MATERIALIZED VIEW" if view.key else "VIEW")
    cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(view.name.schema)))
    cursor.execute(sql.SQL("CREATE {} {} AS {}").format(kind, view.name.identifier, sql.SQL(view.query)))
    cursor.execute(
        sql.SQL("COMMENT ON {} {} IS {}").format(kind, view.name.identifier, sql.Literal(view.comment))
    )
    if view.key:
        # Without a unique index PostgreSQL cannot refresh it while others read.
        cursor.execute(
            sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(view.name.identifier, column_list(view.key))
        )


def _grant(cursor: Cursor, view: View, role: str) -> None:
    schema, reader = sql.Identifier(view.name.schema), sql.Identifier(role)
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, reader))
    cursor.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(view.name.identifier, reader))


def _store(cursor: Cursor, view: View, positions: Mapping[TableName, Position], run_id: str) -> int:
    rows = 0
    if view.key:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(view.name.identifier))
        (rows,) = cursor.fetchone() or (0,)
    position = json.dumps({"version": view.version, "inputs": _inputs(view, positions)})
    state.write_state(
        cursor,
        view.name.schema,
        view.name.table,
        state.TableState(
            source="production",
            strategy=STRATEGY,
            position=position,
            batch=None,
            run_id=run_id,
            rows=rows,
            quarantined=0,
            synced_at=datetime.now(UTC),
        ),
    )
    return rows


def _inputs(view: View, positions: Mapping[TableName, Position]) -> str:
    return " ".join(f"{name}@{positions.get(name)}" for name in view.inputs)
