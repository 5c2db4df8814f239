"""Compare production with staging, row for row, at one moment.

Each side computes counts and sums of its rows' hashes, by bucket, so that rows cross the network only where a
bucket differs; of a warehouse or a table that cannot be hashed all of them do. They are compared by value in
staging. That two different sets of rows share a sum has a chance of less than one in 2^59.

The moment is the position up to which production has followed staging. Staging may have moved on since: the
rows with a later batch are left out, on both sides by their keys, for what they were at that moment is known
to production alone. A pass of the mirror and the comparison after it thus agree while the shop goes on. Rows
that the warehouse refused are in its quarantine, and left out too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from sync.warehouses.contract import (
    Capabilities,
    Difference,
    Fingerprint,
    Hashing,
    Reader,
    Row,
    Scope,
    Snapshot,
    Staging,
    Warehouse,
)
from sync.warehouses.fingerprint import differing_buckets, hashing_of, row_count
from sync.warehouses.positions import MirrorState, StagingPosition
from sync.warehouses.schema import TableName, TableSchema
from sync.warehouses.views import View

NAMED_KEYS = 20
ATTEMPTS = 3  # while passes go on
NOT_THERE = "it is not in production: mirror it first"


class Discrepancy(StrEnum):
    """What is wrong with a row of production."""

    DIFFERENT = "differs"
    MISSING = "is missing"
    UNEXPECTED = "should not be there"


class WrongRow(NamedTuple):
    """One row that is wrong, by its key: `sale_key=17`."""

    key: str
    discrepancy: Discrepancy

    def __str__(self) -> str:
        return f"{self.key} {self.discrepancy}"


@dataclass(frozen=True)
class TableComparison:
    """How one table compares. `rows` counts what was compared, as expected and as production has it, `moved`
    the rows that were left out because staging changed them since, `rejected` those that production refused.

    `different` counts the rows that differ, `first` names some of them, by key. `obstacle` says why a table
    could not be compared at all.
    """

    table: TableName
    rows: tuple[int, int]
    moved: int
    rejected: int = 0
    different: int = 0
    first: tuple[WrongRow, ...] = ()
    obstacle: str | None = None

    @property
    def equal(self) -> bool:
        return not self.different and self.obstacle is None

    def __str__(self) -> str:
        """One line that names the table and, where it differs, the rows."""
        if self.obstacle:
            return f"{self.table}: {self.obstacle}"
        refused = f", {self.rejected} are in production's quarantine" if self.rejected else ""
        if self.equal:
            return f"{self.table}: {self.rows[1]} rows are equal{refused}"
        rest = f" and {self.different - len(self.first)} more" if self.different > len(self.first) else ""
        named = "; ".join(map(str, self.first))
        return (
            f"{self.table}: {self.different} of {max(self.rows)} rows in production are wrong: {named}{rest}"
            f"{refused}"
        )


@dataclass(frozen=True)
class _Compared:
    """The rows of one table that are compared. Both sides leave out the `moved` rows, which staging changed
    since, and those that production refused."""

    scope: Scope
    hashing: Hashing
    moved: int

    @property
    def schema(self) -> TableSchema:
        return self.scope.schema


def verify(staging: Staging, warehouse: Warehouse, tables: Sequence[TableName]) -> list[TableComparison]:
    """Compare `tables` row for row, one result each. Both sides compute at the same time, and nothing of
    theirs is written to.

    Where a table was built anew in staging since it was mirrored, nothing can be left out, and all its rows
    are compared. Raises `SyncError` for a table that staging does not have, `TransientError` when a server
    is away.
    """
    for _ in range(ATTEMPTS):
        comparisons, at_one_moment = _verify_once(staging, warehouse, tables)
        if at_one_moment or all(comparison.equal for comparison in comparisons):
            break
    return comparisons


def _verify_once(
    staging: Staging, warehouse: Warehouse, tables: Sequence[TableName]
) -> tuple[list[TableComparison], bool]:
    """The comparisons, and whether no pass went on meanwhile: not every warehouse can show one moment."""
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
            for table, here, there in _fingerprints(snapshot, production, compared):
                comparisons[table.schema.name] = _compare(snapshot, production, table, here, there)
        at_one_moment = not present or production.states() == states
    return [comparisons[name] for name in tables], at_one_moment


def _fingerprints(
    snapshot: Snapshot, production: Reader, compared: Sequence[_Compared]
) -> list[tuple[_Compared, Fingerprint, Fingerprint]]:
    """Those of both sides; empty for a table that cannot be hashed."""

    def of_staging() -> list[Fingerprint]:
        return [
            snapshot.fingerprint(table.scope, table.hashing) if table.hashing is not Hashing.NONE else {}
            for table in compared
        ]

    with ThreadPoolExecutor(1) as thread:
        computing = thread.submit(of_staging)
        there = [
            production.fingerprint(table.schema) if table.hashing is not Hashing.NONE else {}
            for table in compared
        ]
        return list(zip(compared, computing.result(), there, strict=True))


def _compare(
    snapshot: Snapshot, production: Reader, table: _Compared, here: Fingerprint, there: Fingerprint
) -> TableComparison:
    rows, different = (row_count(here), row_count(there)), 0
    first: tuple[WrongRow, ...] = ()
    buckets = differing_buckets(here, there) if table.hashing is not Hashing.NONE else None
    if buckets or buckets is None:
        fetched = _Counted(production, table.schema, buckets)
        expected, different, found = snapshot.differences(
            table.scope, fetched, table.hashing, buckets, NAMED_KEYS
        )
        if buckets is None:
            rows = expected, fetched.rows
        first = tuple(_wrong_row(table.schema, difference) for difference in found)
    return TableComparison(table.schema.name, rows, table.moved, len(table.scope.left_out), different, first)


class _Counted:
    """Production's rows of some buckets in portions, and how many these were."""

    def __init__(self, production: Reader, schema: TableSchema, buckets: set[int] | None) -> None:
        self._chunks = production.rows(schema, buckets)
        self.rows = 0

    def __iter__(self) -> Iterator[Sequence[Row]]:
        for chunk in self._chunks:
            self.rows += len(chunk)
            yield chunk


def _wrong_row(schema: TableSchema, difference: Difference) -> WrongRow:
    if not difference.in_production:
        discrepancy = Discrepancy.MISSING
    elif not difference.in_staging:
        discrepancy = Discrepancy.UNEXPECTED
    else:
        discrepancy = Discrepancy.DIFFERENT
    return WrongRow(_named(schema.key, difference.key), discrepancy)


def _named(key: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(key, values, strict=True))


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
) -> _Compared:
    moved, upto = 0, None
    if state is not None and state.position != position and state.position.leads_to(position):
        upto = state.position.batch
    if upto is not None or rejected:
        keys = snapshot.moved_keys(schema, upto) if upto is not None else ()
        moved = production.leave_out(schema, chain(keys, [rejected])) - len(rejected)
    scope = Scope(schema, upto, rejected, capabilities.empty_text_is_null)
    return _Compared(scope, hashing_of(schema, capabilities.hashing), moved)


def verify_view(warehouse: Warehouse, view: View) -> TableComparison:
    """Compare a materialized view with what its query finds now; writes nothing. Both are read whole."""
    with warehouse.reader() as production:
        if not production.exists(view.name):
            return TableComparison(view.name, rows=(0, 0), moved=0, obstacle=NOT_THERE)
        expected = _by_key(view, *production.query(view.query))
        actual = _by_key(view, *production.rows_of(view.name))
    wrong = [
        WrongRow(
            _named(view.key, key),
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
