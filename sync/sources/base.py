"""What a source is to the engine: it describes its tables and reads them, at one moment, as COPY text.

A further system is a further module with these two classes. Its reading must convert a value in one place
only, so that a full load, a pass above a watermark and a re-read by key give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync.copytext import Chunk
from sync.spec import Column, Table


@dataclass(frozen=True)
class Description:
    """A table as its source has it, under the target's column names and types.

    `columns` are the declared ones, or the catalog's where nothing is declared. `exists` is False for a
    collection (MongoDB makes one at its first document) or an optional table that the source does not have.
    """

    columns: tuple[Column, ...]
    exists: bool = True


class Snapshot(Protocol):
    """The source at one moment, as long as it is open."""

    @property
    def taken_at(self) -> datetime:
        """The moment, by the source's clock."""

    @property
    def position(self) -> str | None:
        """Where the source's log stood: all that lies before it is in the snapshot. None without a log."""

    def read(self, table: Table, columns: Sequence[Column]) -> Iterator[Chunk]:
        """Stream the table's rows, fields in the order of `columns` and fit for their types.

        A row with a value that its column cannot hold exactly comes as `Rejected`. Raises `SyncError` for a
        pair of types that has no exact conversion, or a table that is not there.
        """


class Source(Protocol):
    """A system that rows come from."""

    system: str

    def describe(self, table: Table) -> Description:
        """Raises `SyncError` for a table or a column that is not there."""

    def snapshot(self) -> AbstractContextManager[Snapshot]: ...

    def close(self) -> None: ...
