"""Compare production with staging, row for row, at one moment.

Each side computes counts and sums of its rows' hashes, by bucket, so that rows cross the network only where a
bucket differs; of a warehouse or a table that cannot be hashed all of them do. They are compared by value in
staging. That two different sets of rows share a sum has a chance of less than one in 2^59.

The moment is the position up to which production has followed staging. Staging may have moved on since: the
rows with a later batch are left out, on both sides by their keys, for what they were at that moment is known
to production alone. A pass of the mirror and the comparison after it thus agree while the shop goes on. Rows
that the warehouse refused are in its quarantine, and left out too.

All rows are compared, or of large tables as many as `rolling` says; see `rolling.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import cast

from sync.warehouses.comparison import NAMED_KEYS, Discrepancy, TableComparison, WrongRow
from sync.warehouses.contract import Capabilities, Hashing, RangeReader, Reader, Snapshot, Staging, Warehouse
from sync.warehouses.fingerprint import hashing_of
from sync.warehouses.parts import Parts
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.rolling import VIEW_AGE, Budget, Progress, Rolling, in_parts
from sync.warehouses.schema import Row, TableName, TableSchema
from sync.warehouses.scope import Scope
from sync.warehouses.table_comparing import Compared, compare, fingerprints, named
from sync.warehouses.views import View

ATTEMPTS = 3  # while passes go on
NOT_THERE = "it is not in production: mirror it first"


def verify(
    staging: Staging,
    warehouse: Warehouse,
    tables: Sequence[TableName],
    rolling: Rolling | None = None,
    views: Sequence[View] = (),
) -> list[TableComparison]:
    """Compare `tables` row for row, and materialized `views` with their queries, one result each.

    Both sides compute at the same time, and no table of theirs is written to; how far the comparison came is
    stored in staging.

    Where a table was built anew in staging since it was mirrored, nothing can be left out, and all its rows
    are compared. Raises `SyncError` for a table that staging does not have, `TransientError` when a server
    is away.
    """
    known = staging.progress()
    for _ in range(ATTEMPTS):
        comparisons, progress, at_one_moment = _verify_once(staging, warehouse, tables, known, rolling)
        if at_one_moment or all(comparison.equal for comparison in comparisons):
            break
    staging.store_progress(progress)
    return [*comparisons, *(_verify_in_turn(staging, warehouse, view, rolling) for view in views)]


def _verify_once(
    staging: Staging,
    warehouse: Warehouse,
    tables: Sequence[TableName],
    known: Mapping[TableName, Progress],
    rolling: Rolling | None,
) -> tuple[list[TableComparison], dict[TableName, Progress], bool]:
    """The comparisons, how far they came, and whether no pass went on meanwhile: not every
    warehouse can show one moment."""
    now = datetime.now(UTC)
    # Production first: whatever it was given by then, the later snapshot of staging knows.
    with warehouse.reader() as production:
        present = production.schemas(tables)
        states = production.states() if present else {}
        rejected = production.rejected(tables) if present else {}
        with staging.snapshot() as snapshot:
            wanted, positions = snapshot.schemas(tables), snapshot.positions(tables)
            comparisons = {
                name: TableComparison(name, rows=(0, 0), moved=0, obstacle=obstacle)
                for name in tables
                if (obstacle := _obstacle(wanted[name], present.get(name)))
            }
            compared = [
                _scope(
                    snapshot,
                    production,
                    wanted[name],
                    warehouse.capabilities,
                    states.get(name),
                    positions[name],
                    rejected.get(name, ()),
                )
                for name in tables
                if name not in comparisons
            ]
            differing = {name for name in known if known[name].differs}
            parted = _parted(compared, warehouse.capabilities, rolling) - differing
            whole = [table for table in compared if table.schema.name not in parted]
            for table, here, there in fingerprints(snapshot, production, whole):
                comparisons[table.schema.name] = compare(snapshot, production, table, here, there)
            progress = {
                name: Progress(None, now, differs=not found.equal)
                for name, found in comparisons.items()
                if not found.obstacle
            }
            if rolling and parted:
                parts = Parts(snapshot, cast(RangeReader, production), known, Budget(rolling), now)
                for table in parts.in_turn(table for table in compared if table.schema.name in parted):
                    name = table.schema.name
                    comparisons[name], came = parts.compare(table, rolling.portion)
                    progress |= {name: came} if came else {}
        at_one_moment = not present or production.states() == states
    results = [
        replace(comparisons[name], oldest=progress[name].oldest if name in progress else None)
        for name in tables
    ]
    return results, progress, at_one_moment


def _parted(
    compared: Sequence[Compared], capabilities: Capabilities, rolling: Rolling | None
) -> set[TableName]:
    """The tables of which a part is compared now."""
    if rolling is None or not capabilities.key_ranges:
        return set()
    return in_parts([table.schema for table in compared if table.hashing is not Hashing.NONE], rolling)


def _obstacle(wanted: TableSchema, present: TableSchema | None) -> str | None:
    if present is None:
        return NOT_THERE
    types = {column.name: column.type for column in present.columns}
    for column in wanted.columns:
        if column.name not in types:
            return f"production lacks the column {column.name}: mirror the table first"
        if types[column.name] != column.type:
            return (
                f"the column {column.name} is {column.type} in staging and {types[column.name]} in"
                f" production: mirror the table first"
            )
    return None


def _scope(
    snapshot: Snapshot,
    production: Reader,
    schema: TableSchema,
    capabilities: Capabilities,
    state: MirrorState | None,
    position: StagingPosition,
    rejected: tuple[Row, ...],
) -> Compared:
    moved, upto = 0, None
    if state is not None and state.position != position and state.position.leads_to(position):
        upto = state.position.batch
    if upto is not None or rejected:
        keys = snapshot.moved_keys(schema, upto) if upto is not None else ()
        moved = production.leave_out(schema, chain(keys, [rejected])) - len(rejected)
    scope = Scope(schema, upto, rejected, capabilities.empty_text_is_null)
    return Compared(scope, hashing_of(schema, capabilities.hashing), moved)


def _verify_in_turn(
    staging: Staging, warehouse: Warehouse, view: View, rolling: Rolling | None
) -> TableComparison:
    """As `verify_view`; over large tables a pass leaves that to one of later, but once in `VIEW_AGE`."""
    now, known = datetime.now(UTC), staging.progress().get(view.name)
    may_wait = rolling is not None and not rolling.is_everything and warehouse.capabilities.key_ranges
    if may_wait and known and not known.differs and now - known.began_at < VIEW_AGE:
        return TableComparison(view.name, (0, 0), 0, is_whole=False, oldest=known.oldest)
    comparison = verify_view(warehouse, view)
    if not comparison.obstacle:
        staging.store_progress({view.name: Progress(None, now, differs=not comparison.equal)})
    return replace(comparison, oldest=now)


def verify_view(warehouse: Warehouse, view: View) -> TableComparison:
    """Compare a materialized view with what its query finds now; writes nothing. Both are read whole."""
    with warehouse.reader() as production:
        if not production.exists(view.name):
            return TableComparison(view.name, rows=(0, 0), moved=0, obstacle=NOT_THERE)
        expected = _by_key(view, *production.query(view.query))
        actual = _by_key(view, *production.rows_of(view.name))
    wrong = [
        WrongRow(
            named(view.key, key),
            Discrepancy.MISSING
            if key not in actual
            else Discrepancy.UNEXPECTED
            if key not in expected
            else Discrepancy.DIFFERENT,
        )
        for key in sorted(expected.keys() | actual.keys(), key=repr)
        if expected.get(key) != actual.get(key)
    ]
    counts = len(expected), len(actual)
    return TableComparison(view.name, counts, 0, 0, len(wrong), tuple(wrong[:NAMED_KEYS]))


def _by_key(
    view: View, names: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> dict[tuple[object, ...], list[str]]:
    """Rows by their key, spelled out: 1 and 1.00 differ."""
    return {
        tuple(by_name[part] for part in view.key): [repr(by_name[name]) for name in sorted(by_name)]
        for row in rows
        for by_name in [{name.lower(): value for name, value in zip(names, row, strict=True)}]
    }
