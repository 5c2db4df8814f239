"""The distinct keys that were touched in one table, in memory as far as they fit."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from tempfile import TemporaryFile
from typing import IO

from sync.sources.mysql.binlog.layout import Key, KeyColumns
from sync.spec import Table


class TouchedKeys:
    """The keys of one table. A transaction with too many of them for memory is sorted out to disk."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._groups: list[KeyGroup] = []

    def group(self, columns: KeyColumns) -> KeyGroup:
        """Where keys that are stored like this are collected."""
        for group in self._groups:
            if group.columns.columns == columns.columns:
                return group
        self._groups.append(KeyGroup(columns))
        return self._groups[-1]

    def clear(self) -> None:
        """Forget the keys; the groups stay in use."""
        for group in self._groups:
            group.clear()

    def __iter__(self) -> Iterator[Key]:
        """Each key once, in no order that means anything."""
        if len(self._groups) == 1:  # else the same key may have been stored in two ways
            yield from self._groups[0]
        else:
            yield from {key for group in self._groups for key in group}

    def __len__(self) -> int:
        """How many there are; too high where some are on disk, or were stored in two ways."""
        return sum(group.spilled + len(group.stored) for group in self._groups)


class KeyGroup:
    """Keys that are stored alike. `stored` are those in memory."""

    def __init__(self, columns: KeyColumns) -> None:
        self.columns = columns
        self.stored: set[bytes] = set()
        self.spilled = 0
        self._runs: list[IO[bytes]] = []

    def clear(self) -> None:
        self.stored.clear()
        self._runs.clear()
        self.spilled = 0

    def spill(self) -> None:
        """Move the keys in memory to disk, in order."""
        run = TemporaryFile()  # noqa: SIM115  (lives as long as the keys do)
        for stored in sorted(self.stored):
            run.write(len(stored).to_bytes(4, "little") + stored)
        self._runs.append(run)
        self.spilled += len(self.stored)
        self.stored.clear()

    def __iter__(self) -> Iterator[Key]:
        if not self._runs:
            return self.columns.decode(self.stored)
        merged = heapq.merge(*map(_read, self._runs), sorted(self.stored))
        return self.columns.decode(stored for stored, _ in groupby(merged))


def _read(run: IO[bytes]) -> Iterable[bytes]:
    run.seek(0)
    while header := run.read(4):
        yield run.read(int.from_bytes(header, "little"))
