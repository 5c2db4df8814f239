"""Compare large tables in parts, one range of keys after the other, while the pass has time for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sync.warehouses.comparison import TableComparison
from sync.warehouses.contract import Fingerprint, RangeReader, Snapshot
from sync.warehouses.fingerprint import differing_buckets, row_count
from sync.warehouses.rolling import NEVER, Budget, Progress
from sync.warehouses.schema import TableName
from sync.warehouses.scope import KeyRange
from sync.warehouses.table_comparing import Compared, compare, fingerprints


class Parts:
    """The tables that are compared in parts, as far as the budget allows."""

    def __init__(
        self,
        snapshot: Snapshot,
        production: RangeReader,
        known: Mapping[TableName, Progress],
        budget: Budget,
        now: datetime,
    ) -> None:
        self._snapshot = snapshot
        self._production = production
        self._known = known
        self._budget = budget
        self._now = now

    def in_turn(self, tables: Iterable[Compared]) -> list[Compared]:
        """The one that waits longest first."""

        def waits_since(table: Compared) -> datetime:
            known = self._known.get(table.schema.name)
            return known.oldest or NEVER if known else NEVER

        return sorted(tables, key=waits_since)

    def compare(self, table: Compared, portion: int) -> tuple[TableComparison, Progress | None]:
        """Go on with the round of a table, and say how far it came; all of the table is compared where a part
        differs."""
        name, came = table.schema.name, None
        known = self._known.get(name)
        progress = known.next_round(self._now) if known else Progress(None, self._now)
        is_whole, rows = progress.cursor is None, (0, 0)
        while not self._budget.is_spent:
            upto = self._snapshot.key_after(table.schema, progress.cursor, portion)
            here, there = self._hashed(table, KeyRange(progress.cursor, upto))
            if differing_buckets(here, there):
                here, there = self._hashed(table, KeyRange())
                found = compare(self._snapshot, self._production, table, here, there)
                return found, replace(came or known or progress, differs=True)
            self._budget.spend(row_count(here))
            rows = rows[0] + row_count(here), rows[1] + row_count(there)
            came = progress = replace(progress, cursor=upto)
            if upto is None:
                break
        is_whole = is_whole and came is not None and came.cursor is None
        refused = len(table.scope.left_out)
        return TableComparison(name, rows, table.moved, refused, is_whole=is_whole), came or known

    def _hashed(self, table: Compared, keys: KeyRange) -> tuple[Fingerprint, Fingerprint]:
        self._production.within(table.schema, keys)
        part = replace(table, scope=replace(table.scope, keys=keys))
        [(_, here, there)] = fingerprints(self._snapshot, self._production, [part])
        return here, there
