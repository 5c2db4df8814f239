"""What a production warehouse is to the mirror. One more system is one more file with these two classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sync.mirror.evolve import Evolution, Reception
from sync.mirror.form import TableForm, TableName
from sync.mirror.positions import Position, Standing
from sync.mirror.views import ViewResult

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class Condition:
    """What a warehouse would have to do before rows come, and where its tables stand.

    `identity` tells the warehouse's database from others, None where it keeps none.
    `evolutions` has an entry for every table, in the order of the wanted forms; `complete` is False where
    columns, keys, indexes, comments, views or grants are missing. `views` are the views as they stand,
    `notes` what a person should know.
    """

    identity: str | None
    evolutions: Mapping[TableName, Evolution]
    standings: Mapping[TableName, Standing]
    complete: bool
    views: Sequence[ViewResult]
    notes: Sequence[str]


class Passage(Protocol):
    """One transaction of the warehouse, under its lease. Calls come in the order of these methods."""

    def condition(self, wanted: Mapping[TableName, TableForm]) -> Condition:
        """How the warehouse compares with the wanted forms."""

    def prepare(self, evolutions: Sequence[Evolution]) -> None:
        """Make the tables able to receive rows."""

    def receive(self, staging: Cursor, form: TableForm, reception: Reception, above: int) -> int:
        """Stream a table's rows in; returns how many came. For changes: those of batches above `above`."""

    def upsert(self, form: TableForm) -> tuple[int, int]:
        """Write received rows that are new or differ; returns how many were inserted and updated."""

    def delete(self, form: TableForm) -> int:
        """Delete rows that are gone from staging; returns how many."""

    def complete(self, wanted: Mapping[TableName, TableForm]) -> None:
        """Add the keys, indexes and comments that are missing."""

    def store(self, table: TableName, standing: Standing) -> None:
        """Record where a table stands now."""

    def publish(
        self, positions: Mapping[TableName, Position], written: Collection[TableName]
    ) -> list[ViewResult]:
        """Make, refresh and grant the views; `written` are the tables that got other rows."""


class Warehouse(Protocol):
    """A production warehouse."""

    def look(self, wanted: Mapping[TableName, TableForm]) -> Condition:
        """`Passage.condition` without the lease, to see whether there is anything to do."""

    def passage(self, run_id: str) -> AbstractContextManager[Passage]:
        """Take the lease and begin; commits at the end of the block. Raises `LeaseTaken`."""
