"""What a table of the lake is: which table of staging it holds, and by what its files are parted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PERIOD = "_period"
"""The column that a table is partitioned by: the month (or day, year) that a row belongs to, as text."""
UNDATED = "undated"


class Grain(StrEnum):
    """How much time one partition holds, as PostgreSQL's `to_char` writes it."""

    DAY = "YYYY-MM-DD"
    MONTH = "YYYY-MM"
    YEAR = "YYYY"


@dataclass(frozen=True)
class LakeTable:
    """The rows of staging's table `schema.name` that are not tombstones, with their `_batch`.

    `day` is an SQL expression over its columns that dates a row; without one the table is one partition,
    `undated`. Choose the `grain` so that a partition has some megabytes. Where the day is not part of the
    `key`, an update can move a row from one partition to another.
    """

    schema: str
    name: str
    key: tuple[str, ...]
    day: str | None = None
    grain: Grain = Grain.MONTH
    day_is_in_key: bool = False

    @property
    def folder(self) -> str:
        """Where it is below the lake's root."""
        return f"{self.schema}/{self.name}"

    @property
    def period(self) -> str:
        """The SQL expression of a row's partition."""
        return f"coalesce(to_char({self.day}, '{self.grain}'), '{UNDATED}')" if self.day else f"'{UNDATED}'"

    @property
    def can_move(self) -> bool:
        """Whether an update can move a row to another partition."""
        return self.day is not None and not self.day_is_in_key
