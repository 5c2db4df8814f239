"""Compare the rows of one table: by the sums of their hashes, and by value where these differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sync.warehouses.comparison import NAMED_KEYS, Discrepancy, TableComparison, WrongRow
from sync.warehouses.contract import Difference, Fingerprint, Hashing, Reader, Snapshot
from sync.warehouses.fingerprint import differing_buckets, row_count
from sync.warehouses.schema import Row, TableSchema
from sync.warehouses.scope import Scope


@dataclass(frozen=True)
class Compared:
    """The rows of one table that are compared. Both sides leave out the `moved` rows, which staging changed
    since, and those that production refused."""

    scope: Scope
    hashing: Hashing
    moved: int

    @property
    def schema(self) -> TableSchema:
        return self.scope.schema


def fingerprints(
    snapshot: Snapshot, production: Reader, compared: Sequence[Compared]
) -> list[tuple[Compared, Fingerprint, Fingerprint]]:
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


def compare(
    snapshot: Snapshot, production: Reader, table: Compared, here: Fingerprint, there: Fingerprint
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
    return WrongRow(named(schema.key, difference.key), discrepancy)


def named(key: Sequence[str], values: Sequence[object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(key, values, strict=True))
