"""What a comparison of production with staging says of one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sync.warehouses.schema import TableName

NAMED_KEYS = 20


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
    could not be compared at all. `is_whole` says whether all rows were looked at now; `oldest` is the moment
    since which each row was, None where some never were.
    """

    table: TableName
    rows: tuple[int, int]
    moved: int
    rejected: int = 0
    different: int = 0
    first: tuple[WrongRow, ...] = ()
    obstacle: str | None = None
    is_whole: bool = True
    oldest: datetime | None = None

    @property
    def equal(self) -> bool:
        return not self.different and self.obstacle is None

    def __str__(self) -> str:
        """One line that names the table and, where it differs, the rows."""
        if self.obstacle:
            return f"{self.table}: {self.obstacle}"
        refused = f", {self.rejected} are in production's quarantine" if self.rejected else ""
        if self.equal:
            return f"{self.table}: {self.rows[1]} rows are equal{refused}{self._since()}"
        rest = f" and {self.different - len(self.first)} more" if self.different > len(self.first) else ""
        named = "; ".join(map(str, self.first))
        return (
            f"{self.table}: {self.different} of {max(self.rows)} rows in production are wrong: {named}{rest}"
            f"{refused}"
        )

    def _since(self) -> str:
        if self.is_whole:
            return ""
        if self.oldest is None:
            return "; the others are compared by the next passes"
        return f"; the others were compared since {self.oldest:%Y-%m-%d %H:%M}Z"
