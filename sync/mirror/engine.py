"""Make production's tables equal to staging's: one snapshot of staging, one transaction in production."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync.errors import SyncError
from sync.mirror.evolve import Evolution, Reception
from sync.mirror.form import TableForm, TableName, staging_forms
from sync.mirror.positions import Position, Standing, read_staging
from sync.mirror.sessions import transaction
from sync.mirror.views import ViewResult
from sync.mirror.warehouse import Condition, Passage, Warehouse

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class TableResult:
    """What a pass did to one table. `rows` are production's after it, `seconds` those that its rows took."""

    name: TableName
    reception: Reception
    inserted: int
    updated: int
    deleted: int
    rows: int
    position_before: Position | None
    position_after: Position
    seconds: float

    @property
    def changed(self) -> int:
        """How many rows were written."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True)
class MirrorResult:
    """What a pass did, the tables in the order in which they were asked for; `notes` are for a person."""

    tables: tuple[TableResult, ...]
    views: tuple[ViewResult, ...]
    notes: tuple[str, ...]


@dataclass
class _Work:
    """One table's share of a pass, while it runs."""

    form: TableForm
    position: Position
    standing: Standing | None
    reception: Reception
    received: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    seconds: float = 0.0

    def result(self) -> TableResult:
        return TableResult(
            name=self.form.name,
            reception=self.reception,
            inserted=self.inserted,
            updated=self.updated,
            deleted=self.deleted,
            rows=self.rows,
            position_before=self.standing.position if self.standing else None,
            position_after=self.position,
            seconds=self.seconds,
        )

    @property
    def rows(self) -> int:
        """The table's rows after the pass, which nobody has to count."""
        if self.reception in (Reception.COMPARISON, Reception.LOAD):
            return self.received
        return (self.standing.rows if self.standing else 0) + self.inserted - self.deleted

    @contextmanager
    def timed(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds += time.monotonic() - started


def mirror(
    staging: Connection,
    warehouse: Warehouse,
    tables: Sequence[TableName],
    run_id: str,
    compare: bool = False,
) -> MirrorResult:
    """Make `tables` in the warehouse equal to staging's, and record `run_id` and the positions with them.

    Reads the rows of batches above the last position. Every live row is read and compared where that position
    says nothing (none, another staging database, a table that was built anew or changed its columns), and for
    all tables with `compare`, which repairs what somebody changed in production. With nothing new it writes
    nothing. `staging` is in autocommit mode.

    Raises `SyncError` where something has to change first, `TransientError` where the same pass may succeed
    later, such as after another one; in both cases nothing was written.
    """
    if not compare:
        with transaction(staging, "staging", snapshot=True) as cursor:
            forms, positions = staging_forms(cursor, tables), read_staging(cursor, tables)
        condition = warehouse.look(forms)
        _refuse_same_database(positions, condition)
        work = _plan(forms, positions, condition, compare)
        if condition.complete and not any(table.reception is not Reception.NOTHING for table in work):
            return MirrorResult(_results(tables, work), tuple(condition.views), tuple(condition.notes))
    # What was seen without the lease may be old by now.
    with warehouse.passage(run_id) as passage, transaction(staging, "staging", snapshot=True) as cursor:
        forms, positions = staging_forms(cursor, tables), read_staging(cursor, tables)
        condition = passage.condition(forms)
        _refuse_same_database(positions, condition)
        work = _plan(forms, positions, condition, compare)
        passage.prepare(list(condition.evolutions.values()))
        _move(cursor, passage, [table for table in work if table.reception is not Reception.NOTHING])
        passage.complete(forms)
        for table in work:
            if table.reception is not Reception.NOTHING:
                passage.store(table.form.name, Standing(table.position, table.rows))
        results = _results(tables, work)
        views = passage.publish(positions, {result.name for result in results if result.changed})
    return MirrorResult(results, tuple(views), tuple(condition.notes))


def _plan(
    forms: Mapping[TableName, TableForm],
    positions: Mapping[TableName, Position],
    condition: Condition,
    compare: bool,
) -> list[_Work]:
    return [
        _Work(
            form=form,
            position=positions[name],
            standing=(standing := condition.standings.get(name)),
            reception=_reception(condition.evolutions[name], standing, positions[name], compare),
        )
        for name, form in forms.items()
    ]


def _refuse_same_database(positions: Mapping[TableName, Position], condition: Condition) -> None:
    """Mirrored into itself, staging would lose its tombstones."""
    if any(position.staging == condition.identity for position in positions.values()):
        raise SyncError("staging and production are one database: give production a URL of its own")


def _reception(
    evolution: Evolution, standing: Standing | None, position: Position, compare: bool
) -> Reception:
    if evolution.reception is Reception.LOAD:
        return Reception.LOAD
    follows = standing is not None and standing.position.leads_to(position)
    if compare or not follows or evolution.reception is Reception.COMPARISON:
        return Reception.COMPARISON
    return Reception.NOTHING if standing and standing.position == position else Reception.CHANGES


def _results(tables: Sequence[TableName], work: Sequence[_Work]) -> tuple[TableResult, ...]:
    results = {table.form.name: table.result() for table in work}
    return tuple(results[name] for name in tables)


def _move(staging: Cursor, passage: Passage, work: Sequence[_Work]) -> None:
    """Write the rows so that no foreign key is ever broken: parents come first and go last."""
    for table in work:
        with table.timed():
            above = table.standing.position.batch if table.standing else 0
            table.received = passage.receive(staging, table.form, table.reception, above)
            table.inserted = table.received
    merged = [table for table in work if table.reception is not Reception.LOAD]
    for table in merged:
        with table.timed():
            table.inserted, table.updated = passage.upsert(table.form)
    for table in reversed(merged):
        with table.timed():
            table.deleted = passage.delete(table.form)
