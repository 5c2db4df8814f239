"""Merge a table of staging into one that somebody else made in production: by key, the shared columns alone.

The adopted table gets no column of the platform's, and rows and columns that only it has are left alone: a
row that is gone from the source stays. A table that is not there is made with the source's columns.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from sync.errors import SyncError
from sync.warehouses.changes import LoadMode, PrimaryKey, TableChange
from sync.warehouses.contract import Audit, Selection, Session, Staging, Warehouse
from sync.warehouses.positions import MirrorState
from sync.warehouses.schema import TableName, TableSchema


@dataclass(frozen=True)
class AdoptResult:
    """What a pass did to an adopted table; `rows` are all of its rows afterwards, those of others among
    them."""

    inserted: int
    updated: int
    rejected: int
    rows: int


def adopt(
    staging: Staging, warehouse: Warehouse, source: TableName, into: TableName, run_id: str
) -> AdoptResult:
    """Let the table `into` in production hold what staging's `source` has; with nothing new it writes
    nothing.

    Raises `SyncError` where the adopted table lacks a column of the key.
    """
    with warehouse.session(run_id) as session, staging.snapshot() as snapshot, ExitStack() as rows:
        together = warehouse.capabilities.transactional_ddl
        if together:
            rows.enter_context(session.transaction())
        schema, position = snapshot.schemas([source])[source], snapshot.positions([source])[source]
        state = session.inspect({}, None).states.get(into)
        selection = _selection(session, schema, into)
        mode = LoadMode.CHANGES if session.columns_of(into) is not None else LoadMode.LOAD
        if mode is LoadMode.CHANGES and state is not None and state.position == position:
            return AdoptResult(0, 0, 0, state.rows)
        if mode is LoadMode.LOAD:
            session.migrate([TableChange(selection.schema, exists=False)])
        staged = session.stage(snapshot, selection, mode)
        if not together:
            rows.enter_context(session.transaction())
        inserted, updated = staged.received - staged.rejected, 0
        if mode is LoadMode.CHANGES:
            inserted, updated = session.upsert(selection.schema)
        _check(into, session.audit(selection.schema, mode), inserted)
        count = session.count(into)
        session.store(into, MirrorState(position, count))
        rows.close()
        if mode is LoadMode.LOAD and not together:
            session.complete([(into, PrimaryKey(schema.key))])
    return AdoptResult(inserted, updated, staged.rejected, count)


def _selection(session: Session, schema: TableSchema, into: TableName) -> Selection:
    """The live rows of the columns that both sides have."""
    present = session.columns_of(into)
    shared = tuple(column for column in schema.columns if present is None or column.name in present)
    names = {column.name for column in shared}
    if missing := [part for part in schema.key if part not in names]:
        raise SyncError(
            f"production, {into}: the adopted table has no column {missing[0]!r} to merge by; its columns are"
            f" {', '.join(present or ())}. Declare a key that both sides have"
        )
    return Selection(TableSchema(into, shared, schema.key), source=schema.name)


def _check(table: TableName, found: Audit, inserted: int) -> None:
    if found.wrong or (found.rows is not None and found.rows != inserted):
        raise SyncError(
            f"production, {table}: rows that were written are not as staging has them; nothing was committed."
            f" Look for a trigger or a rule on the table"
        )
