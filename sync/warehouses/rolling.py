"""How much of production a pass compares, and how far the passes before it came.

What a pass writes it audits inside its own transaction. Of what lies there already a pass compares as much as
about a second allows, and the next one goes on behind it, so that its cost follows the change and not the
table. Tables are gone through by ranges of their keys, the one that waits longest first. One that was found
to differ is compared whole until it is equal again, so its check stays red until it is repaired.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sync.errors import SyncError
from sync.types import parse_type
from sync.warehouses.schema import Row, TableName, TableSchema

# Types whose order is the same in every database; that of text depends on its collation.
ORDERED = {"smallint", "integer", "bigint", "numeric", "date", "timestamp", "timestamptz"}
VIEW_AGE = timedelta(days=1)  # since when a view of a large table may have been compared
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rolling:
    """What a pass compares beside the tables `anew`, which it has just filled, where all of them have the
    numbers of rows `sizes`: at least `rows` in all, which is everything in a shop of the default size, and
    what `seconds` allow, in ranges of `portion` rows."""

    anew: Collection[TableName]
    sizes: Mapping[TableName, int]
    rows: int = 250_000
    seconds: float = 1.0
    portion: int = 50_000

    @property
    def is_everything(self) -> bool:
        """Whether the tables are small enough to be compared whole."""
        return sum(self.sizes.values()) <= self.rows


@dataclass(frozen=True)
class Progress:
    """How far the comparison of a table came: the round that began at `began_at` has compared the rows up to
    the key `cursor`, None where it has ended. `before_at` is when the round before began, None where there
    was none, or where the table was filled anew since. `differs` says that a difference was found last."""

    cursor: Row | None
    began_at: datetime
    before_at: datetime | None = None
    differs: bool = False

    @property
    def oldest(self) -> datetime | None:
        """The moment since which each row was compared; None where some never were."""
        return self.began_at if self.cursor is None else self.before_at

    def next_round(self, now: datetime) -> Progress:
        """The same, or the beginning of another round where one has ended."""
        return self if self.cursor else replace(self, began_at=now, before_at=self.began_at)


class Budget:
    """What is left of a pass's second."""

    def __init__(self, rolling: Rolling) -> None:
        self._rows = rolling.rows
        self._until = time.monotonic() + rolling.seconds

    @property
    def is_spent(self) -> bool:
        return self._rows <= 0 and time.monotonic() >= self._until

    def spend(self, rows: int) -> None:
        self._rows -= rows


def in_parts(schemas: Collection[TableSchema], rolling: Rolling) -> set[TableName]:
    """The tables of which this pass compares a part: none where all of them together are few."""
    if rolling.is_everything:
        return set()
    return {
        schema.name
        for schema in schemas
        if rolling.sizes.get(schema.name, 0) > rolling.portion
        and schema.name not in rolling.anew
        and _has_ordered_key(schema)
    }


def _has_ordered_key(schema: TableSchema) -> bool:
    types = {column.name: column.type for column in schema.columns}
    try:
        return all(parse_type(types[name]).base in ORDERED for name in schema.key)
    except SyncError:
        return False  # a type that somebody defined
