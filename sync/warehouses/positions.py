"""Up to where production has followed staging, one position a table."""

from __future__ import annotations

from typing import NamedTuple


class StagingPosition(NamedTuple):
    """A batch number and what it counts: one file of one staging database.

    `staging` is the database's identity, `file` PostgreSQL's file node of the table. A table that was dropped
    and built again, or restored, has another one, and its batch numbers say nothing about what was deleted.
    """

    staging: str
    file: int
    batch: int

    def __str__(self) -> str:
        return f"{self.staging}/{self.file}/{self.batch}"

    @classmethod
    def parse(cls, text: str) -> StagingPosition:
        """Read what `str()` wrote."""
        staging, file, batch = text.split("/")
        return cls(staging, int(file), int(batch))

    def leads_to(self, later: StagingPosition) -> bool:
        """Whether the rows above this batch number are all that changed up to `later`."""
        return self[:2] == later[:2] and self.batch <= later.batch


class MirrorState(NamedTuple):
    """The position that a table was mirrored to, and its rows then."""

    position: StagingPosition
    rows: int
