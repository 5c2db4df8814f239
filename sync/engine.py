"""One pass over one table: read it at one moment, stage it beside the target, apply the difference.

The engine knows no system; what differs between systems lives behind the protocols in `sources/base.py` and
`targets/base.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sync.errors import SyncError
from sync.sources.base import Description, Source
from sync.spec import Column, Deletes, Strategy, Table
from sync.state import LEASE_WAIT_SECONDS, TableState
from sync.targets.base import Applied, Load, Moment, Target


@dataclass(frozen=True)
class PassResult:
    """What a pass did.

    `columns` are those that it read, `rows` the target's live rows after it; `batch` is None where nothing
    was written. `differences` are the findings of the pass's reconciliation, each naming table and figures;
    empty means that the target shows what the source showed at the snapshot. `source_exists` is False for a
    table that the source does not have (yet).
    """

    table: str
    read: int
    inserted: int
    updated: int
    deleted: int
    quarantined: int
    rows: int
    batch: int | None
    position_before: str | None
    position_after: str | None
    seconds: float
    source_exists: bool
    columns: tuple[Column, ...]
    differences: tuple[str, ...]

    @property
    def changed(self) -> int:
        """How many of the target's rows the pass wrote."""
        return self.inserted + self.updated + self.deleted


def run_pass(
    table: Table, source: Source, target: Target, run_id: str, wait_seconds: float = LEASE_WAIT_SECONDS
) -> PassResult:
    """Bring `table` in the target to the source's state, recording `run_id` with it.

    Waits `wait_seconds` for another pass over the same table. Raises `TransientError` where the same pass may
    succeed later and `SyncError` where something has to change first; in both cases nothing was written.
    """
    if table.strategy is not Strategy.FULL:
        raise SyncError(f"table {table.name}: the engine has no strategy {table.strategy} yet; declare full")
    started = time.monotonic()
    with target.load(table, wait_seconds) as load:
        before = load.state
        description = source.describe(table)
        _refuse_vanished(table, description, before)
        moment, read = _stage(table, source, load, description, run_id)
        applied = load.apply(moment)
    return PassResult(
        table=table.qualified,
        read=read,
        inserted=applied.inserted,
        updated=applied.updated,
        deleted=applied.deleted,
        quarantined=applied.quarantined,
        rows=applied.rows,
        batch=applied.batch,
        position_before=before.position if before else None,
        position_after=moment.position,
        seconds=time.monotonic() - started,
        source_exists=description.exists,
        columns=description.columns,
        differences=_differences(table, read, applied),
    )


def _refuse_vanished(table: Table, description: Description, before: TableState | None) -> None:
    if description.exists or table.deletes is Deletes.IGNORE:
        return
    if before and (before.rows or before.quarantined):
        raise SyncError(
            f"{table.qualified}: {table.database}.{table.source_name} is gone from {table.source}, but"
            f" {before.rows} rows came from it. Nothing was deleted: restore it, correct source_table in the"
            f" declaration, or delete the rows there before you drop the collection"
        )


def _stage(
    table: Table, source: Source, load: Load, description: Description, run_id: str
) -> tuple[Moment, int]:
    columns = load.shape(description)
    read = rejected = 0
    with source.snapshot() as snapshot:
        for chunk in snapshot.read(table, columns) if description.exists else ():
            read += chunk.rows + len(chunk.rejected)
            rejected += load.stage(chunk)
        moment = Moment(
            snapshot.taken_at,
            snapshot.position,
            run_id,
            f"{source.system} {table.database}.{table.source_name}",
        )
    limit = table.max_rejected_share
    if limit is not None and read and rejected / read > limit:
        raise SyncError(
            f"{table.qualified}: {rejected} of {read} rows cannot be loaded, more than max_rejected_share ="
            f" {limit:g} allows. Nothing was written"
        )
    return moment, read


def _differences(table: Table, read: int, applied: Applied) -> tuple[str, ...]:
    if applied.covered == read:
        return ()
    found = f"the source showed {read} rows, {applied.covered} of them are live or quarantined"
    return (f"{table.qualified}: {found}",)
