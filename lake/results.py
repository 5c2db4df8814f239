"""What an analysis found, as a source of the engine: staging gets the difference, with a batch and tombstones
like any other table, in one transaction with what it was computed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync.copytext import NULL, Chunk, escape, line
from sync.errors import UnknownTableError
from sync.sources.base import Bound, Capabilities, Description
from sync.spec import Column, Strategy, Table

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 20_000


class ResultSource:
    """The results by the names of their tables; `inputs` tells what they were computed from, and is the
    position that each table is stored with."""

    system = "spark"
    capabilities = Capabilities(frozenset({Strategy.FULL}))

    def __init__(self, results: Mapping[str, pa.Table], inputs: str) -> None:
        self._results = results
        self._inputs = inputs

    def place(self, database: str, table: str) -> str:
        return f"{database}.{table}"

    def describe(self, table: Table) -> Description:
        if table.name not in self._results:
            raise UnknownTableError(f"{table.qualified}: the analysis has no result of that name")
        return Description(table.columns)

    def unique_keys(self, table: Table) -> list[tuple[str, ...]]:
        return [table.key]

    def estimate(self, table: Table) -> int | None:
        return int(self._results[table.name].num_rows)

    @contextmanager
    def snapshot(self, bound_for: Table | None = None) -> Iterator[_Snapshot]:
        yield _Snapshot(self._results, self._inputs)

    def close(self) -> None:
        """Nothing is open."""


class _Snapshot:
    bound: Bound | None = None

    def __init__(self, results: Mapping[str, pa.Table], inputs: str) -> None:
        self._results = results
        self.taken_at = datetime.now(UTC)
        self.position: str | None = inputs
        self.log_start: str | None = None

    def count(self, table: Table) -> int:
        return int(self._results[table.name].num_rows)

    def shows_one_moment(self, table: Table) -> bool:
        return True

    def read(self, table: Table, columns: Sequence[Column], since: str | None = None) -> Iterator[Chunk]:
        rows = self._results[table.name].select([column.name for column in columns])
        for batch in rows.to_batches(max_chunksize=CHUNK_ROWS):
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            lines = b"".join(line(map(_field, row)) for row in values)
            yield Chunk(lines, batch.num_rows)


def _field(value: object) -> bytes:
    return NULL if value is None else escape(str(value))
